"""The plan and the loop: what is added is what is accounted, and the model learns."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet.core.bounds import Categories, Interval, NormBound
from privet.core.errors import InvalidParameter
from privet.core.events import Gaussian, NoRelease, Repeated
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.units import ClipNorm, NoiseMultiplier
from privet.noise.secure import SecureNoise
from privet.noise.simulation import SeededNoise, generator
from privet.training.descent import Descent, advance, descend, learning_rate, noisy_gradient
from privet.training.features import Encoder
from privet.training.linear import LabelledRows, clipped_gradient_sum
from privet.training.models import LogisticModel
from privet.training.plan import FullBatchPlan

PERSON = PrivacyUnit("person")


def plan_of(
    *, multiplier: float = 4.0, steps: int = 60, relation: Relation = Relation.ADD_OR_REMOVE, units: float = 1000
):
    return FullBatchPlan("test", PERSON, relation, ClipNorm(0.5), NoiseMultiplier(multiplier), steps, units)


def separable(count: int, seed: int) -> LabelledRows:
    chance = generator(seed)
    x = chance.uniform(-1, 1, (count, 2))
    features = np.column_stack([x, np.ones(count)]) / np.sqrt(3)
    return LabelledRows(features, (x @ np.array([2.0, -1.0]) + 0.3 * chance.normal(size=count) > 0).astype(int))


@pytest.mark.parametrize("relation", [Relation.ADD_OR_REMOVE, Relation.REPLACE_ONE])
def test_the_noise_is_multiplier_times_sensitivity(relation: Relation) -> None:
    """Kolmogorov and Smirnov on 20,000 draws accept the stated law and reject one that is 10 % off."""
    plan = plan_of(relation=relation, units=1)
    rows = LabelledRows(np.zeros((1, 20_000)), np.zeros(1, dtype=int))
    noise = noisy_gradient(np.zeros(20_000), rows=rows, plan=plan, noise=SecureNoise())
    factor = 2 if relation is Relation.REPLACE_ONE else 1
    assert float(plan.noise_stddev) == 4.0 * 0.5 * factor
    assert stats.kstest(noise / float(plan.noise_stddev), "norm").pvalue > 1e-6
    for wrong in (0.9, 1.1):
        assert stats.kstest(noise / (wrong * float(plan.noise_stddev)), "norm").pvalue < 1e-6


def test_what_runs_is_what_is_accounted() -> None:
    plan = plan_of(steps=7)
    assert plan.event_after(7) == Repeated(Gaussian(Fraction(4)), 7)
    assert plan.event_after(0) == NoRelease()
    drawn = []

    class Counting:
        noise_class = "test"

        def gaussian(self, *, stddev: float, size: int):
            drawn.append((stddev, size))
            return np.zeros(size)

    descend(separable(50, 1), plan=plan, steps=[Counting()] * 7, max_row_norm=1.0)  # type: ignore[list-item]
    assert drawn == [(float(plan.noise_stddev), 3)] * 7 * plan.draws_per_step


def test_no_noise_gives_the_mean_gradient_on_its_grid() -> None:
    class Silent:
        def gaussian(self, *, stddev: float, size: int):
            return np.zeros(size)

    rows, plan = separable(300, 2), plan_of(units=300)
    weights = np.array([0.2, -0.1, 0.4])
    found = noisy_gradient(weights, rows=rows, plan=plan, noise=Silent())  # type: ignore[arg-type]
    exact = clipped_gradient_sum(weights, rows=rows, clip_norm=0.5) / 300
    np.testing.assert_allclose(found, exact, atol=float(plan.noise_stddev) * 2**-20 / 300)


def test_it_learns_what_can_be_learnt() -> None:
    rows = separable(4000, 3)
    noise = SeededNoise(5)
    weights = descend(rows, plan=plan_of(units=4000), steps=[noise] * 60, max_row_norm=1.0)
    model = LogisticModel(tuple(weights), ("a", "b", "intercept"))
    assert (model.predict(rows.features) == rows.labels).mean() > 0.85
    assert LogisticModel.from_json(model.to_json()) == model


def test_an_empty_table_is_a_walk_of_noise_not_an_error() -> None:
    empty = LabelledRows(np.zeros((0, 3)), np.zeros(0, dtype=int))
    weights = descend(empty, plan=plan_of(), steps=[SeededNoise(1)] * 60, max_row_norm=1.0)
    assert np.isfinite(weights).all()


def test_advance_is_momentum_and_tail_average() -> None:
    state = Descent.start(1)
    for gradient, averaging in ((1.0, False), (1.0, True), (0.0, True)):
        state = advance(state, gradient=np.array([gradient]), learning_rate=0.1, averaging=averaging)
    # velocities 1, 1.9, 1.71; weights -0.1, -0.29, -0.461; the last two are averaged.
    assert state.weights[0] == pytest.approx(-0.461)
    assert state.average()[0] == pytest.approx((-0.29 - 0.461) / 2)
    assert learning_rate(2.0) == pytest.approx(0.3)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"units": 0.0}, {"multiplier": 0.0}])
def test_impossible_plans_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter, match="give"):
        plan_of(**wrong)  # type: ignore[arg-type]


def test_encoded_rows_are_never_longer_than_stated() -> None:
    encoder = Encoder({"age": Interval(0, 100), "sex": Categories(("f", "m")), "flag": Interval(0, 1)})
    ages = np.array([-5, 0, 50, 100, 1e300, np.nan, np.inf, -np.inf])
    rows = encoder.encode({"age": ages, "sex": np.array(["f", "m", "?", "", "f", "m", "nan", "f"]), "flag": ages})
    assert rows.shape == (8, len(encoder.names))
    assert np.isfinite(rows).all()
    assert (np.linalg.norm(rows, axis=1) <= encoder.max_row_norm + 1e-12).all()
    middle = rows[5] * np.sqrt(4)
    assert middle.tolist() == [0.0, 0.0, 1.0, 0.0, 1.0]


def test_encoder_refuses_what_it_cannot_encode() -> None:
    with pytest.raises(InvalidParameter):
        Encoder({})
    with pytest.raises(InvalidParameter, match="'x'"):
        Encoder({"x": NormBound(1.0)})
