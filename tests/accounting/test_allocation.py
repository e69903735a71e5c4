"""Random allocation: prices against exact integrals, simulation and the library of those who invented them."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr

from privet.accounting import calibrate_noise, epsilon_by_engine, privacy_curve, renyi_curve
from privet.accounting.allocation import convex_below
from privet.accounting.allocation_moments import allocated_divergences
from privet.accounting.loss_distribution import composed
from privet.accounting.price import loss_epsilon, price
from privet.core.errors import UnsupportedEvent
from privet.core.events import (
    Composed,
    Event,
    Gaussian,
    Laplace,
    PoissonSampled,
    PureLoss,
    RandomlyAllocated,
    Repeated,
    leaves,
)
from privet.core.neighbours import Relation

from .engines import ADD

# noise multiplier, steps, epochs, delta; lower and upper bounds on epsilon by PLD_accounting 2.0 (the library of
# Feldman & Shenfeld 2026), geometric grids, loss_discretization 0.002, max_grid_mult 20,000; about 20 seconds each.
BOUNDS = [
    (1.0, 100, 1, 1e-5, 0.61791, 0.62377),
    (0.8, 2, 3, 1e-5, 9.10943, 9.11397),
    (2.0, 10, 10, 1e-5, 2.13160, 2.15091),
    (1.0, 100, 5, 1e-5, 1.18816, 1.22266),
    (0.5, 100, 1, 1e-5, 5.39495, 5.39756),
    (0.4, 50, 2, 1e-5, 12.86697, 12.87450),
    (3.0, 20, 100, 1e-6, 3.53150, 3.69450),
    (0.6, 1000, 10, 1e-6, 3.01783, 3.17630),
]


def epochs(sigma: float, steps: int, count: int = 1) -> Event:
    return Repeated(RandomlyAllocated(steps, Gaussian(sigma)), count)


def epsilon(sigma: float, steps: int, count: int, delta: float) -> float:
    return loss_epsilon(epochs(sigma, steps, count), relation=ADD, delta=delta)


@pytest.mark.parametrize(("sigma", "steps", "count", "delta", "low", "high"), BOUNDS)
def test_the_price_lies_between_published_bounds(
    sigma: float, steps: int, count: int, delta: float, low: float, high: float
) -> None:
    assert low <= epsilon(sigma, steps, count, delta) <= high
    # A tenth more or less noise is told apart.
    assert epsilon(1.1 * sigma, steps, count, delta) < low
    assert epsilon(0.9 * sigma, steps, count, delta) > high


def _call(strike: float, sigma: float) -> float:
    """E[(X - k)+] for the likelihood ratio X of one step, by the formula of Black and Scholes."""
    if strike <= 0:
        return 1 - strike
    z = sigma * math.log(strike) + 1 / (2 * sigma)
    return float(ndtr(1 / sigma - z) - strike * ndtr(-z))


def _put(strike: float, sigma: float) -> float:
    if strike <= 0:
        return 0.0
    z = sigma * math.log(strike) + 1 / (2 * sigma)
    return float(strike * ndtr(z) - ndtr(z - 1 / sigma))


def _exact_of_two(e: float, sigma: float, *, removing: bool) -> float:
    """The divergence of two steps: the second in closed form, the first integrated."""
    if e < 0:
        return -math.expm1(e) + math.exp(e) * _exact_of_two(-e, sigma, removing=not removing)
    strike = 2 * math.exp(e if removing else -e)
    option = _call if removing else _put

    def at(z: float) -> float:
        first = math.exp(z / sigma - 1 / (2 * sigma**2))
        return math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * option(strike - first, sigma)

    kink = sigma * math.log(strike) + 1 / (2 * sigma)
    parts = [(-14 - 1 / sigma, kink), (kink, 14 + 1 / sigma)][: 2 if removing else 1]
    total = sum(quad(at, *ends, limit=400, epsabs=1e-15)[0] for ends in parts)
    return float(total / 2 if removing else total / strike)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.0])
def test_two_steps_meet_the_exact_integral_in_both_directions(sigma: float) -> None:
    # One epoch on the grid, before any composition.
    for removing, masses in zip((True, False), composed(epochs(sigma, 2), relation=ADD), strict=True):
        for e in (-1.5, -0.3, 0.0, 0.05, 0.4, 1.0, 2.5):
            exact = _exact_of_two(e, sigma, removing=removing)
            found = float(masses.delta(e)[0])
            assert exact - 1e-10 <= found <= exact * 1.01 + 3e-4, (removing, e)
    for masses, weak in zip(*(composed(epochs(s, 2), relation=ADD) for s in (sigma, 1.1 * sigma)), strict=True):
        # Less noise than was priced: the exact value would be above the price.
        assert float(weak.delta(0.4)[0]) < float(masses.delta(0.4)[0]) * 0.97


@functools.cache
def _drawn(sigma: float, steps: int, *, removing: bool) -> np.ndarray:
    rng, total = np.random.default_rng(7), np.zeros(400_000)
    for step in range(steps):
        mean = 1.0 if removing and step == 0 else 0.0
        total += np.exp((rng.normal(mean, sigma, len(total)) - 0.5) / sigma**2)
    return total / steps


def _simulated(sigma: float, steps: int, e: float, *, removing: bool) -> tuple[float, float]:
    """Mean and standard error of the divergence, by drawing S."""
    ratio = _drawn(sigma, steps, removing=removing)
    terms = np.maximum(0, 1 - math.exp(e) / ratio) if removing else np.maximum(0, 1 - math.exp(e) * ratio)
    return float(terms.mean()), float(terms.std() / math.sqrt(len(terms)))


@pytest.mark.parametrize(("sigma", "steps"), [(0.6, 5), (1.0, 25)])
@pytest.mark.parametrize("e", [-0.1, 0.1, 0.4])
def test_many_steps_meet_simulation(sigma: float, steps: int, e: float) -> None:
    curves = {scale: composed(epochs(scale * sigma, steps), relation=ADD) for scale in (0.9, 1.0, 1.1)}
    for number, removing in enumerate((True, False)):
        mean, error = _simulated(sigma, steps, e, removing=removing)
        found = {scale: float(curve[number].delta(e)[0]) for scale, curve in curves.items()}
        assert mean - 6 * error <= found[1.0] <= mean + 6 * error + 3e-4
        assert found[1.1] < mean - 6 * error
        assert found[0.9] > mean + 6 * error


def test_one_step_is_everybody_and_one_unit_in_many_steps_is_nobody() -> None:
    alone = price(epochs(2.0, 1, 5), relation=ADD, delta=1e-5)
    assert alone.point == price(Repeated(Gaussian(2.0), 5), relation=ADD, delta=1e-5).point
    assert alone.engine == "gaussian-dp"
    assert epsilon(1.0, 5_000, 1, 1e-5) < 0.06


def test_curves_of_finer_grids_are_no_higher_and_no_much_lower() -> None:
    event = epochs(0.7, 60, 4)
    coarse, fine = (loss_epsilon(event, relation=ADD, delta=1e-6, coarseness=c) for c in (8, 1))
    assert fine <= coarse <= 1.05 * fine


@settings(max_examples=25, deadline=None)
@given(
    sigma=st.floats(0.4, 8), steps=st.integers(2, 200), count=st.integers(1, 20), delta=st.sampled_from([1e-8, 1e-4])
)
def test_noise_steps_and_fewer_epochs_protect(sigma: float, steps: int, count: int, delta: float) -> None:
    def of(sigma: float, steps: int, count: int) -> float:
        return loss_epsilon(epochs(sigma, steps, count), relation=ADD, delta=delta, coarseness=4)

    here = of(sigma, steps, count)
    assert of(1.3 * sigma, steps, count) < here
    # A mean of more ratios is a mean of means of fewer, so its convex moments are smaller.
    assert of(sigma, 2 * steps, count) <= here * 1.01
    assert of(sigma, steps, count + 1) >= here * 0.99
    # Knowing the step would make it the plain mechanism.
    assert here <= loss_epsilon(Repeated(Gaussian(sigma), count), relation=ADD, delta=delta) * 1.01


def test_shares_of_the_poisson_price() -> None:
    """Less than Poisson sampling costs where noise is little, about as much where there is a lot, or many epochs."""
    for sigma, steps, count, least, most in ((0.5, 100, 1, 0.8, 0.86), (1.0, 100, 5, 0.9, 0.92), (2, 2, 1000, 1, 1.01)):
        sampled = Repeated(PoissonSampled(1 / steps, Gaussian(sigma)), steps * count)
        poisson = loss_epsilon(sampled, relation=ADD, delta=1e-5)
        assert least <= epsilon(sigma, steps, count, 1e-5) / poisson <= most


@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
def test_orders_of_two_steps_meet_the_exact_moments(sigma: float) -> None:
    z, weight = np.polynomial.hermite_e.hermegauss(180)
    x = np.exp(z / sigma - 1 / (2 * sigma**2))
    weights = np.outer(weight, weight) / weight.sum() ** 2
    ratio = (x[:, None] + x) / 2
    for order in (2.0, 3.0, 4.0):
        moments = [float((weights * ratio**power).sum()) for power in (order, 1 - order)]
        exact = math.log(max(moments)) / (order - 1)
        assert exact - 1e-9 <= allocated_divergences(sigma, steps=2, orders=(order,))[0] <= exact + 1e-6
    for order in (1.25, 1.7, 2.5):
        exact = math.log(max(float((weights * ratio**power).sum()) for power in (order, 1 - order))) / (order - 1)
        found = allocated_divergences(sigma, steps=2, orders=(order,))[0]
        assert exact <= found <= min(order / (2 * sigma**2), 2 * exact) + 1e-9


def test_orders_of_adding_are_exact_where_one_step_is_all() -> None:
    from privet.accounting.allocation_moments import _adding, _removing

    for sigma in (0.7, 5.0):
        orders = np.arange(2, 12)
        for moments in (_adding(sigma, 1), _removing(sigma, 1)):
            np.testing.assert_allclose(moments[2:12], orders * (orders - 1) / (2 * sigma**2), rtol=1e-9)
        # More steps than one: the smallest moment of adding has a closed form in none, so by simulation.
        rng = np.random.default_rng(3)
        ratio = np.exp(rng.normal(0, 1 / sigma, (200_000, 6)) - 1 / (2 * sigma**2)).mean(axis=1)
        for order in (2, 3):
            terms = ratio ** (1 - order)
            error = terms.std() / terms.mean() / math.sqrt(len(terms))
            assert _adding(sigma, 6)[order] == pytest.approx(math.log(terms.mean()), abs=7 * error)


def test_orders_bound_the_loss_distribution_and_rise() -> None:
    for sigma, steps in ((0.4, 3), (1.0, 100), (3.0, 1000), (0.05, 10)):
        found = epsilon_by_engine(epochs(sigma, steps, 3), relation=ADD, delta=1e-6)
        assert found["loss-distribution"] <= found["renyi"] < 2 * found["loss-distribution"] + 1
        curve = renyi_curve(epochs(sigma, steps), relation=ADD, orders=(1.5, 2.0, 2.5, 8.0, 40.5, 128.0, 300.0, 1024.0))
        assert list(curve.epsilons) == sorted(curve.epsilons)
        assert all(math.isfinite(value) for value in curve.epsilons)


@pytest.mark.parametrize(
    ("steps", "count", "epsilon", "delta"), [(100, 5, 1.0, 1e-5), (10, 10, 0.3, 1e-6), (235, 40, 8.0, 1e-5)]
)
def test_calibration(steps: int, count: int, epsilon: float, delta: float) -> None:
    sigma = float(calibrate_noise(lambda s: epochs(s, steps, count), relation=ADD, epsilon=epsilon, delta=delta))
    points = [price(epochs(s, steps, count), relation=ADD, delta=delta).point for s in (sigma, 0.997 * sigma)]
    assert float(points[0].epsilon) <= epsilon < float(points[1].epsilon)


def test_what_has_no_proof_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedEvent, match="random allocation is not priced under replace-one"):
        price(epochs(1.0, 10), relation=Relation.REPLACE_ONE, delta=1e-5)
    for inner in (Laplace(1), PureLoss(1), PoissonSampled(0.5, Gaussian(1)), Composed([Gaussian(1), Gaussian(1)])):
        with pytest.raises(UnsupportedEvent, match=f"random allocation of {type(inner).__name__}"):
            price(RandomlyAllocated(10, inner), relation=ADD, delta=1e-5)


def test_parts_of_a_plan_are_priced_jointly() -> None:
    parts = [epochs(1.0, 100, 3), Repeated(PoissonSampled(0.01, Gaussian(1.0)), 200)]
    joint = privacy_curve(Composed(parts), relation=ADD).epsilon(1e-5)
    assert joint < sum(privacy_curve(part, relation=ADD).epsilon(5e-6) for part in parts)
    assert joint > max(privacy_curve(part, relation=ADD).epsilon(1e-5) for part in parts)
    assert leaves(parts[0]) == [Gaussian(1.0)]


@given(st.lists(st.floats(0, 1), min_size=3, max_size=40))
def test_the_convex_curve_below_is_the_largest(values: list[float]) -> None:
    losses = np.arange(len(values)) * 0.3 - 1.0
    bounds = np.minimum.accumulate(np.asarray(values))
    x, d = np.append(0.0, np.exp(losses)), np.append(1.0, bounds)
    found = convex_below(losses, bounds)
    # By definition: at each point the smallest chord over it.
    for k in range(1, len(x)):
        chords = [d[k]] + [
            d[i] + (d[j] - d[i]) * (x[k] - x[i]) / (x[j] - x[i])
            for i, j in itertools.product(range(k), range(k + 1, len(x)))
        ]
        assert found[k - 1] == pytest.approx(min(chords), abs=1e-12)
