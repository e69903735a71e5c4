"""The filter keeps the account's promise whatever rule chooses the claims."""

from __future__ import annotations

import functools
import math
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.events import Gaussian, PureLoss
from privet.core.neighbours import Relation
from privet.ledger import AccountSpec, Composition
from privet.ledger.amounts import Amount, delta_units, epsilon_units, nothing, renyi_units
from privet.ledger.filter import claim_delta, filter_of

from .conftest import PERSON


def spec(epsilon: object, delta: object, **terms: object) -> AccountSpec:
    return AccountSpec("a", unit=PERSON, relation=Relation.ADD_OR_REMOVE, epsilon=epsilon, delta=delta, **terms)  # type: ignore[arg-type]


def response_renyi(epsilon: float, order: float) -> float:
    """Renyi divergence of binary randomised response, in closed form."""
    log_p = -math.log1p(math.exp(-epsilon))
    log_q = log_p - epsilon
    high = order * log_p + (1 - order) * log_q
    low = order * log_q + (1 - order) * log_p
    return (high + math.log1p(math.exp(low - high))) / (order - 1)


@functools.lru_cache(maxsize=100_000)
def response_cost(epsilon: Fraction, orders: tuple[float, ...], *, leak: Fraction = Fraction(0)) -> Amount:
    renyi = tuple(None if leak else renyi_units(response_renyi(float(epsilon), order)) for order in orders)
    return Amount(epsilon_units(epsilon), delta_units(leak), renyi)


class Adversary:
    """Chooses every next mechanism from all answers so far, by an arbitrary but fixed rule.

    Each mechanism is randomised response at some epsilon, the worst of all pure ones, or one that first tells
    everything with some probability. Small and large steps, and steps of exactly what is left, are all tried.
    """

    menu = (Fraction(1, 100), Fraction(1, 10), Fraction(1, 4), Fraction(1, 2), Fraction(9, 10))

    def __init__(self, seed: int, limit: Fraction, leak: Fraction) -> None:
        self._seed, self._limit, self._leak = seed, limit, leak

    def choose(self, history: tuple[int, ...], total: Amount) -> tuple[Fraction, Fraction]:
        rule = random.Random(f"{self._seed} {history}")
        left = self._limit - Fraction(total.epsilon or 0, 10**18)
        epsilon = rule.choice([*self.menu, *([left] if left > 0 else [])]) * self._limit ** rule.choice([0, 1])
        leak = self._leak / 4 if rule.random() < 0.2 else Fraction(0)
        return epsilon, leak


def true_delta(account: AccountSpec, adversary: Adversary, depth: int) -> float:
    """Exact delta at the account's epsilon of the whole interaction, by summing over every transcript."""
    guard, epsilon = filter_of(account), float(account.epsilon)

    def walk(history: tuple[int, ...], total: Amount, p: float, q: float) -> float:
        if len(history) == depth:
            return max(0.0, p - math.exp(epsilon) * q)
        step, leak = adversary.choose(history, total)
        grown = total + response_cost(step, account.orders, leak=leak)
        if guard.track(grown) is None:
            # Refused: the adversary learns that (it could have computed it) and asks something else, up to the depth.
            return walk((*history, 9), total, p, q)
        a, keep = 1 / (1 + math.exp(-float(step))), 1 - float(leak)
        told = p * float(leak)  # The answer that only the first data set can give.
        return (
            told
            + walk((*history, 0), grown, p * a * keep, q * (1 - a) * keep)
            + walk((*history, 1), grown, p * (1 - a) * keep, q * a * keep)
        )

    return walk((), nothing(len(account.orders)), 1.0, 1.0)


@settings(max_examples=10_000, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    epsilon=st.sampled_from(["0.3", "1", "3"]),
    delta=st.sampled_from(["0", "0.001", "0.05", "0.3"]),
    depth=st.integers(1, 5),
)
def test_no_adaptive_adversary_gets_past_the_filter(seed: int, epsilon: str, delta: str, depth: int) -> None:
    account = spec(epsilon, delta)
    adversary = Adversary(seed, account.epsilon, account.delta)
    assert true_delta(account, adversary, depth) <= float(account.delta) * (1 + 1e-9) + 1e-12


def test_the_search_for_adversaries_would_find_a_filter_that_is_too_lax() -> None:
    honest = spec("1", "0.001")
    lax = spec("1.6", "0.001")
    found = 0
    for seed in range(200):
        adversary = Adversary(seed, honest.epsilon, honest.delta)
        guard = filter_of(lax)

        def walk(
            history: tuple[int, ...], total: Amount, p: float, q: float, guard=guard, adversary=adversary
        ) -> float:
            if len(history) == 4:
                return max(0.0, p - math.e * q)
            step, _ = adversary.choose(history, total)
            grown = total + response_cost(step, lax.orders)
            if guard.track(grown) is None:
                return walk((*history, 9), total, p, q)
            a = 1 / (1 + math.exp(-float(step)))
            return walk((*history, 0), grown, p * a, q * (1 - a)) + walk((*history, 1), grown, p * (1 - a), q * a)

        found += walk((), nothing(len(lax.orders)), 1.0, 1.0) > 0.001
    assert found > 0


@given(epsilon=st.floats(0.05, 20), delta=st.floats(1e-12, 0.4))
def test_the_shares_of_delta_never_exceed_delta(epsilon: float, delta: float) -> None:
    guard = filter_of(spec(epsilon, delta))
    assert Fraction(guard.delta, 10**30) + sum(Fraction(share) for share in guard.shares) <= Fraction(repr(delta))


def test_an_account_for_one_plan_gives_all_delta_to_that_plan() -> None:
    account = spec("1", "1e-5", composition=Composition.BASIC)
    guard = filter_of(account)
    assert claim_delta(account) == Fraction(1, 10**5)
    assert guard.delta == 10**25
    assert guard.renyi == (None,) * len(account.orders)


def test_the_renyi_tracks_admit_many_more_gaussian_claims_than_basic_composition() -> None:
    account = spec("3", "1e-6")
    guard = filter_of(account)
    cost = response_cost(Fraction(1, 100), account.orders)
    total, count = nothing(len(account.orders)), 0
    while guard.track(total + cost) is not None:
        total, count = total + cost, count + 1
    assert count > 2 * 300
    assert guard.epsilon_spent(total) == pytest.approx(3, abs=0.02)


def test_dividing_delta_costs_at_most_five_percent_of_epsilon_for_gaussian_noise() -> None:
    from privet.accounting.gaussian_dp import epsilon_of_mu
    from privet.accounting.renyi import renyi_curve

    account = spec("3", "1e-6")
    guard = filter_of(account)
    curve = renyi_curve(Gaussian(100), relation=Relation.ADD_OR_REMOVE, orders=account.orders)
    cost = Amount(None, 0, tuple(renyi_units(value) for value in curve.epsilons))
    total, count = nothing(len(account.orders)), 0
    while guard.track(total + cost) is not None:
        total, count = total + cost, count + 1
    # The best that any Renyi order, known in advance and given all of delta, could admit.
    best = max(
        (3.0 - math.log1p(-1 / a) + (math.log(1e-6) + math.log(a)) / (a - 1)) / (a / 2 / 100**2)
        for a in [1 + 0.1 * i for i in range(1, 1000)]
    )
    assert math.sqrt(count / best) > 0.95
    assert float(epsilon_of_mu(math.sqrt(count) / 100, delta=1e-6)) <= 3.0


@given(st.lists(st.tuples(st.integers(0, 10**18), st.integers(0, 10**24)), max_size=8))
def test_the_spent_epsilon_is_within_the_limit_exactly_when_a_track_admits(costs: list[tuple[int, int]]) -> None:
    account = spec("2", "1e-6")
    guard = filter_of(account)
    total = nothing(len(account.orders))
    for epsilon, delta in costs:
        total = total + Amount(epsilon, delta, tuple(epsilon for _ in account.orders))
    spent = guard.epsilon_spent(total)
    if guard.track(total) is not None:
        assert spent <= 2 + 1e-9
    else:
        assert spent > 2 - 1e-9


def test_an_event_that_only_has_a_pure_bound_is_counted_on_both_kinds_of_track() -> None:
    from privet.ledger.quote import quote

    account = spec("1", "1e-6")
    charged = quote(PureLoss("0.5"), accounts=(account,), delta=None).charges[0][1]
    assert charged.epsilon == 5 * 10**17
    assert charged.delta == 0
    expected = [response_renyi(0.5, order) for order in account.orders]
    assert [value / 10**18 for value in charged.renyi if value is not None] == pytest.approx(expected, rel=1e-6)
