"""The contract of every accountant: sound against closed forms and each other, and moving the right way."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from privet.accounting import gaussian_dp, loss_distribution, privacy_curve, zcdp
from privet.accounting.price import epsilon_by_engine, loss_epsilon, price
from privet.core.errors import InvalidParameter, UnsupportedEvent
from privet.core.events import (
    ApproxLoss,
    Composed,
    DiscreteGaussian,
    DiscreteLaplace,
    Event,
    Gaussian,
    NoRelease,
    NotPrivate,
    PoissonSampled,
    PureLoss,
    Repeated,
)
from privet.core.guarantees import ApproxDP, NoGuarantee
from privet.core.neighbours import Relation

from .engines import ADD, ENGINES, FAMILIES, epsilons

DELTA = 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_more_noise_never_costs_more_by_any_engine(family: str) -> None:
    found = [epsilons(FAMILIES[family](noise), delta=DELTA) for noise in (1, 2, 4, 8)]
    assert found[0]
    for engine in found[0]:
        values = [at[engine] for at in found]
        assert values == sorted(values, reverse=True), engine


@pytest.mark.parametrize("family", FAMILIES)
def test_larger_delta_never_costs_more_by_any_engine(family: str) -> None:
    event = FAMILIES[family](2)
    found = [epsilons(event, delta=delta) for delta in (1e-8, 1e-6, 1e-4, 1e-2)]
    for engine in ENGINES:
        values = [at[engine] for at in found if engine in at]
        assert all(later <= sooner * (1 + 1e-9) for sooner, later in pairwise(values)), engine


@pytest.mark.parametrize("family", FAMILIES)
def test_repeating_costs_more_and_less_than_its_sum(family: str) -> None:
    event = FAMILIES[family](3)
    one, ten = (price(Repeated(event, times), relation=ADD, delta=DELTA).point for times in (1, 10))
    assert isinstance(one, ApproxDP)
    assert isinstance(ten, ApproxDP)
    assert one.epsilon < ten.epsilon
    basic = price(event, relation=ADD, delta=DELTA / 10).point
    assert isinstance(basic, ApproxDP)
    assert ten.epsilon <= 10 * basic.epsilon * (1 + 1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_order_and_nesting_do_not_matter(family: str) -> None:
    event, other = FAMILIES[family](2), FAMILIES[family](5)
    flat = Composed([event, other, event])
    nested = Composed([Repeated(event, 2), Composed([other])])
    turned = Composed([event, event, other])
    prices = {price(made, relation=ADD, delta=DELTA).point for made in (flat, nested, turned)}
    assert len(prices) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_costs_nothing(family: str) -> None:
    event = FAMILIES[family](2)
    for nothing in (NoRelease(), Repeated(event, 0), Composed([])):
        point = price(nothing, relation=ADD, delta=0).point
        assert isinstance(point, ApproxDP)
        assert point.epsilon == 0
    alone = price(event, relation=ADD, delta=DELTA).point
    assert price(Composed([event, NoRelease()]), relation=ADD, delta=DELTA).point == alone


@pytest.mark.parametrize("mu", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("delta", [1e-9, 1e-5, 1e-2])
def test_no_engine_is_below_the_exact_curve_of_the_gaussian(mu: float, delta: float) -> None:
    exact = gaussian_dp.epsilon_of_mu(mu, delta=delta)
    event = Repeated(Gaussian(3 / mu), 9)
    for engine, epsilon in epsilons(event, delta=delta).items():
        assert epsilon >= exact * (1 - 1e-9), engine
    # The loss distribution is not asked where the exact curve is known; it must agree all the same.
    assert exact <= loss_epsilon(event, relation=ADD, delta=delta) <= exact * 1.002 + 1e-6


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 3.0])
@pytest.mark.parametrize("times", [1, 4, 30])
def test_loss_distributions_of_randomised_response_are_the_binomial_sum(epsilon: float, times: int) -> None:
    """k-fold randomised response has a closed form: Kairouz, Oh & Viswanath 2015, Theorem 3.3."""
    event = Repeated(PureLoss(Fraction(epsilon)), times)
    curve = privacy_curve(event, relation=ADD)
    for wanted in (0.0, epsilon / 2, epsilon * math.sqrt(times), epsilon * times * 0.9):
        exact = _binomial_delta(epsilon, times, wanted)
        # Pessimistic where the answer is not on the grid, never optimistic.
        assert exact - 1e-12 <= curve.delta(wanted) <= exact * 1.01 + 1e-3 * epsilon


def _binomial_delta(epsilon: float, times: int, wanted: float) -> float:
    total = 0.0
    for ups in range(times + 1):
        loss = (2 * ups - times) * epsilon
        if loss > wanted:
            log_p = ups * epsilon - times * math.log1p(math.exp(epsilon))
            total += math.comb(times, ups) * (math.exp(log_p) - math.exp(wanted + log_p - loss))
    return total


def test_the_curve_of_sampled_noise_matches_integration() -> None:
    """One step of the sampled Gaussian against numerical integration of both directions."""
    from scipy.integrate import quad
    from scipy.stats import norm

    q, sigma = 0.1, 0.8
    curve = privacy_curve(PoissonSampled(Fraction(1, 10), Gaussian(sigma)), relation=ADD)

    def divergence(top, bottom, epsilon: float) -> float:  # type: ignore[no-untyped-def]
        value, _ = quad(lambda x: max(0.0, top(x) - math.exp(epsilon) * bottom(x)), -12, 12, limit=400, points=[0, 1])
        return float(value)

    def without(x: float) -> float:
        return float(norm.pdf(x, 0, sigma))

    def with_one(x: float) -> float:
        return float((1 - q) * norm.pdf(x, 0, sigma) + q * norm.pdf(x, 1, sigma))

    # Below 0 the direction of adding is the larger one, above 0 that of removing.
    for epsilon in (-0.08, -0.04, 0.0, 0.05, 0.3, 1.0, 2.0):
        exact = max(divergence(with_one, without, epsilon), divergence(without, with_one, epsilon))
        assert exact - 1e-8 <= curve.delta(epsilon) <= exact * 1.01 + 1e-7


@given(
    a=st.integers(1, 40),
    b=st.integers(1, 40),
    times=st.integers(1, 50),
    delta=st.sampled_from([1e-8, 1e-6, 1e-3]),
)
def test_the_price_is_the_smallest_and_all_engines_bound_the_same_thing(
    a: int, b: int, times: int, delta: float
) -> None:
    event = Composed([Repeated(Gaussian(a), times), DiscreteLaplace(b, 1)])
    found = epsilon_by_engine(event, relation=ADD, delta=delta)
    point = price(event, relation=ADD, delta=delta).point
    assert isinstance(point, ApproxDP)
    assert float(point.epsilon) == min(found.values())
    # Removing a part never costs more: every engine bounds the part by the whole.
    part = price(Repeated(Gaussian(a), times), relation=ADD, delta=delta).point
    assert isinstance(part, ApproxDP)
    assert part.epsilon <= point.epsilon * (1 + 1e-6)


@example(rho=0.00390625, delta=0.046875)  # the best order is far above the plain conversion's
@given(rho=st.floats(1e-6, 20), delta=st.floats(1e-12, 0.1))
def test_zcdp_conversion_and_its_inverse_agree(rho: float, delta: float) -> None:
    epsilon = zcdp.epsilon_of_rho(rho, delta=delta)
    if epsilon > 0:
        assert zcdp.delta_of_rho(rho, epsilon=epsilon) == pytest.approx(delta, rel=1e-4)


def test_zcdp_adds_exactly() -> None:
    tenth = DiscreteGaussian(5, 1)
    assert zcdp.rho_of(Repeated(tenth, 10), relation=ADD) == 1


def test_pure_sums_are_exact() -> None:
    ten = Repeated(PureLoss(Fraction(1, 10)), 10)
    assert price(ten, relation=ADD, delta=0).pure_epsilon == 1
    assert price(Composed([ten, DiscreteLaplace(3, 1)]), relation=ADD, delta=0).pure_epsilon == Fraction(4, 3)


def test_what_has_no_guarantee_has_none_whatever_else_there_is() -> None:
    event: Event = Composed([Gaussian(10), NotPrivate("a table")])
    assert isinstance(price(event, relation=ADD, delta=DELTA).point, NoGuarantee)
    assert epsilon_by_engine(event, relation=ADD, delta=DELTA) == {}
    assert privacy_curve(event, relation=ADD).delta(100.0) == 1.0
    with pytest.raises(UnsupportedEvent):
        loss_distribution.composed(event, relation=ADD)


def test_poisson_sampling_is_refused_where_its_price_is_not_proven() -> None:
    event = PoissonSampled(Fraction(1, 100), Gaussian(1))
    with pytest.raises(UnsupportedEvent, match="add-or-remove"):
        price(event, relation=Relation.REPLACE_ONE, delta=DELTA)


def test_a_gaussian_has_no_price_at_delta_zero() -> None:
    with pytest.raises(UnsupportedEvent, match="delta"):
        price(Gaussian(1), relation=ADD, delta=0)
    with pytest.raises(InvalidParameter):
        price(Gaussian(1), relation=ADD, delta=1)


def test_the_failing_part_of_an_approximate_mechanism_is_never_lost() -> None:
    event = Repeated(ApproxLoss(Fraction(1, 10), Fraction(1, 1000)), 4)
    curve = privacy_curve(event, relation=ADD)
    assert curve.delta(50.0) >= 1 - 0.999**4 - 1e-12
    with pytest.raises(UnsupportedEvent):
        price(event, relation=ADD, delta=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_curves_fall_and_invert(family: str) -> None:
    curve = privacy_curve(FAMILIES[family](2), relation=ADD)
    deltas = curve.deltas(np.linspace(-2, 6, 60))
    assert (np.diff(deltas) <= 1e-12).all()
    assert ((deltas >= 0) & (deltas <= 1)).all()
    epsilon = curve.epsilon(1e-4)
    assert curve.delta(epsilon) <= 1e-4
    if epsilon > 0:
        assert curve.delta(epsilon * 0.999 - 1e-9) > 1e-4 * 0.9


@pytest.mark.parametrize(
    ("rate", "sigma", "steps"), [(0.5, 0.3, 1000), (0.1, 0.1, 10), (0.1, 1e-6, 1), (0.5, 0.5, 100_000)]
)
def test_noise_that_protects_nobody_is_priced_as_such_without_overflow(rate: float, sigma: float, steps: int) -> None:
    event = Repeated(PoissonSampled(Fraction(rate), Gaussian(sigma)), steps)
    found = epsilon_by_engine(event, relation=ADD, delta=1e-5)
    assert all(epsilon > 50 for epsilon in found.values())
    tight = loss_epsilon(event, relation=ADD, delta=1e-5)
    assert tight > 50
    if math.isfinite(tight):
        assert tight <= found["renyi"]
        # The mean loss of everybody sampled in every step is a floor that no accountant may go below by much.
        assert tight >= 0.5 * rate * steps * min(1.0, 1 / (2 * sigma**2)) * rate
