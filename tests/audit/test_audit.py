"""Intervals cover, bounds hold, attacks find what leaks, and counts leave with the noise they state."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.accounting.price import price
from privet.audit.attacks.loss_threshold import ATTACK
from privet.audit.bounds import (
    auc_interval,
    clopper_pearson,
    epsilon_from_rates,
    epsilon_lower_bound,
    true_positive_rate,
)
from privet.audit.counting import CountRightAnswers, accuracy
from privet.audit.membership import judge
from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation
from privet.noise.secure import SecureNoise
from privet.noise.simulation import generator
from privet.training.models import LogisticModel


@pytest.mark.parametrize("truth", [0.02, 0.3, 0.9])
def test_exact_intervals_cover(truth: float) -> None:
    found = generator(1).binomial(80, truth, 2000)
    intervals = [clopper_pearson(int(k), trials=80) for k in found]
    assert np.mean([i.low <= truth <= i.high for i in intervals]) >= 0.945
    # Three quarters of the width would not cover: the test can fail.
    narrow = [(i.value + 0.5 * (i.low - i.value), i.value + 0.5 * (i.high - i.value)) for i in intervals]
    assert np.mean([low <= truth <= high for low, high in narrow]) < 0.9


def test_published_interval() -> None:
    """10 of 100: the exact 95 % interval is 4.90 % to 17.62 % (Brown, Cai & DasGupta 2001)."""
    found = clopper_pearson(10, trials=100)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0490, 0.1762)
    with pytest.raises(InvalidParameter):
        clopper_pearson(3, trials=2)


def test_auc_is_the_share_of_ordered_pairs_and_its_interval_covers() -> None:
    chance = generator(2)
    a, b = chance.integers(0, 6, 40).astype(float), chance.integers(0, 5, 30).astype(float)
    pairs = np.mean([(x > y) + 0.5 * (x == y) for x in a for y in b])
    assert auc_interval(a, others=b).value == pytest.approx(pairs)
    truth, covered = 0.5 + 0.5 * math.erf(0.5 / 2), 0
    for _ in range(400):
        found = auc_interval(chance.normal(0.5, 1, 150), others=chance.normal(0, 1, 150))
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_realised_rate_never_exceeds_the_wanted_one() -> None:
    chance = generator(3)
    for scores in (chance.normal(size=1000), chance.integers(0, 3, 1000).astype(float), np.zeros(1000)):
        found = true_positive_rate(scores, others=scores, fpr=0.01)
        assert found.fpr_realised <= 0.01
    with pytest.raises(InvalidParameter, match="too few"):
        true_positive_rate(np.zeros(10), others=np.zeros(10), fpr=0.01)


@given(hits=st.integers(0, 200), alarms=st.integers(0, 200), delta=st.sampled_from([0.0, 1e-5, 0.1]))
def test_lower_bounds_stay_below_their_ceiling(hits: int, alarms: int, delta: float) -> None:
    found = epsilon_lower_bound(hits, members=200, false_positives=alarms, others=200, delta=delta)
    assert 0 <= found.lower <= found.ceiling


def test_lower_bounds_hold_for_a_mechanism_of_known_epsilon() -> None:
    """Randomised response at epsilon 1: the bound exceeds 1 in at most 5 % of runs, and proves most of it."""
    chance, truth = generator(4), math.e / (1 + math.e)
    found = [
        epsilon_lower_bound(
            int(chance.binomial(5000, truth)),
            members=5000,
            false_positives=int(chance.binomial(5000, 1 - truth)),
            others=5000,
            delta=0,
        ).lower
        for _ in range(400)
    ]
    assert np.mean(np.asarray(found) > 1) <= 0.05
    assert np.median(found) > 0.85


def test_rates_that_break_a_guarantee_are_noticed() -> None:
    perfect = epsilon_from_rates(clopper_pearson(1000, trials=1000), fpr=clopper_pearson(0, trials=1000), delta=1e-6)
    assert perfect > 5


ROW = PrivacyUnit("row")


def overfitted() -> tuple[np.ndarray, np.ndarray, np.ndarray, LogisticModel]:
    """More columns than members: a model that knows its members by heart."""
    from sklearn.linear_model import LogisticRegression

    chance = generator(5)
    x, y = chance.normal(size=(600, 250)), chance.integers(0, 2, 600)
    member = np.arange(600) < 200
    fitted = LogisticRegression(C=1e6, fit_intercept=False, max_iter=5000).fit(x[member], y[member])
    return x, y, member, LogisticModel(tuple(fitted.coef_[0]), tuple(map(str, range(250))))


def test_the_attack_finds_members_of_a_model_that_learnt_them_by_heart_and_not_of_a_constant() -> None:
    x, y, member, model = overfitted()
    for attacked, low, high in ((model, 0.75, 1.0), (LogisticModel((0.0,) * 250, model.names), 0.5, 0.5)):
        scores = ATTACK.score(attacked, rows=x, labels=y)
        found = judge(scores, is_member=member, attack="a", target="t", knowledge="k", delta=1e-5)
        assert low <= found.auc.value <= high
    assert [rate.fpr_wanted for rate in found.rates] == [0.01]
    assert found.epsilon.lower == 0


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="finite"):
        judge(np.array([np.nan, 0.0]), is_member=np.array([True, False]), attack="", target="", knowledge="", delta=0)


def counter(answers, *, judges=("a", "b"), relation=Relation.ADD_OR_REMOVE, unit=ROW):
    return CountRightAnswers("counts", unit, relation, Fraction(1, 2), judges, answers)


@given(
    seed=st.integers(0, 10**6),
    relation=st.sampled_from(list(Relation)),
    max_rows=st.integers(1, 3),
)
def test_no_unit_moves_the_counts_further_than_stated(seed: int, relation: Relation, max_rows: int) -> None:
    chance = generator(seed)
    unit = PrivacyUnit("person", column="id", max_rows=max_rows)
    others = chance.integers(0, 2, (2, 10)).astype(bool)
    before = chance.integers(0, 2, (2, int(chance.integers(0, max_rows + 1)))).astype(bool)
    after = chance.integers(0, 2, (2, int(chance.integers(0, max_rows + 1)))).astype(bool)
    if relation is not Relation.REPLACE_ONE:
        after = after[:, :0]
    mechanism = counter(lambda data: data, relation=relation, unit=unit)
    gap = np.abs(mechanism.counts(np.hstack([others, before])) - mechanism.counts(np.hstack([others, after]))).sum()
    assert gap <= mechanism.sensitivity


def test_counts_have_the_noise_that_is_charged() -> None:
    right = np.ones((2, 100), dtype=bool)
    mechanism = counter(lambda data: data)
    assert price(mechanism.event, relation=Relation.ADD_OR_REMOVE, delta=0).pure_epsilon == Fraction(1, 2)
    noise = SecureNoise()
    drawn = [mechanism.apply(right, noise) for _ in range(4000)]
    spread = np.mean([abs(found[name] - 100) for found in drawn for name in ("rows", "a", "b")])
    # E|X| of a discrete Laplace of scale b is close to b; 12,000 draws know it to 1 %.
    assert spread == pytest.approx(float(mechanism.scale), rel=0.05)


def test_intervals_of_noisy_accuracies_cover_noise_and_sampling() -> None:
    chance, noise, covered = generator(6), SecureNoise(), 0
    for _ in range(300):
        right = chance.random((1, 800)) < 0.7
        mechanism = CountRightAnswers(
            "c", PrivacyUnit("row"), Relation.ADD_OR_REMOVE, Fraction(1, 5), ("m",), lambda d: d
        )
        found = accuracy(mechanism.apply(right, noise), judge="m", scale=float(mechanism.scale))
        covered += found.low <= 0.7 <= found.high
    assert covered >= 0.95 * 300


def test_counting_refuses_what_it_cannot_count() -> None:
    with pytest.raises(InvalidParameter, match="above 0"):
        CountRightAnswers("c", PrivacyUnit("row"), Relation.ADD_OR_REMOVE, Fraction(0), ("m",), lambda d: d)
    with pytest.raises(InvalidParameter, match="nobody"):
        counter(lambda d: d, judges=())
    with pytest.raises(InvalidParameter, match="judges"):
        counter(lambda d: np.ones((3, 4))).counts(None)
