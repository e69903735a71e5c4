"""Poisson samples that are cut where they are too large: prices against every data set of a few, and dp-accounting."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from privet.accounting import calibrate_noise, epsilon_by_engine, renyi_curve
from privet.accounting.loss_distribution import composed
from privet.accounting.price import loss_epsilon, price
from privet.accounting.truncation import expected_size, truncation
from privet.core.errors import InvalidParameter, UnsupportedEvent
from privet.core.events import Event, Gaussian, Laplace, PoissonSampled, Repeated, TruncatedPoissonSampled
from privet.core.neighbours import Relation

from .engines import ADD

# units, rate, most, noise multiplier, steps, delta; epsilon by dp-accounting 0.6.0, PLD at interval 1e-4 (a full batch
# is bounded there by replacing, not by driving out), and what it gives for Poisson samples.
GOLDEN = [
    (1000, Fraction(1, 20), 60, 1.0, 100, 1e-5, 8.87137, 3.50231),
    (1000, Fraction(1, 20), 80, 1.0, 100, 1e-5, 3.54986, 3.50231),
    (10_000, Fraction(1, 100), 150, 0.8, 500, 1e-6, 2.97437, 2.92523),
    (200, Fraction(1, 10), 10, 2.0, 50, 1e-5, 3.45840, 1.65261),
    (1000, Fraction(1, 20), 100, 1.0, 100, 1e-5, 3.50215, 3.50231),
]


def cut(units: int, rate: Fraction, most: int, sigma: float, steps: int = 1) -> Event:
    return Repeated(TruncatedPoissonSampled(rate, units, most, Gaussian(sigma)), steps)


@pytest.mark.parametrize(("units", "rate", "most", "sigma", "steps", "delta", "theirs", "poisson"), GOLDEN)
def test_the_price_lies_between_poisson_and_dp_accounting(
    units: int, rate: Fraction, most: int, sigma: float, steps: int, delta: float, theirs: float, poisson: float
) -> None:
    found = loss_epsilon(cut(units, rate, most, sigma, steps), relation=ADD, delta=delta)
    assert poisson * (1 - 1e-3) <= found <= theirs * (1 + 1e-3)
    if theirs < 1.02 * poisson:
        # Where batches are hardly ever full, both agree, and a tenth less noise is noticed.
        assert found == pytest.approx(theirs, rel=0.01)
        assert loss_epsilon(cut(units, rate, most, 1.1 * sigma, steps), relation=ADD, delta=delta) < 0.95 * theirs


def _outputs(gradients: Sequence[float], rate: float, most: int) -> Counter[float]:
    """Every sum of clipped gradients that one step can have, with its chance: all coins, all subsets."""
    found: Counter[float] = Counter()
    for coins in itertools.product([0, 1], repeat=len(gradients)):
        chance = math.prod(rate if coin else 1 - rate for coin in coins)
        batch = [g for g, coin in zip(gradients, coins, strict=True) if coin]
        kept = list(itertools.combinations(batch, most)) if len(batch) > most else [tuple(batch)]
        for subset in kept:
            found[sum(subset)] += chance / len(kept)
    return found


def _density(sums: Counter[float], sigma: float) -> np.ndarray:
    x = np.linspace(-12, 12, 6001)
    parts = [chance * np.exp(-((x - at) ** 2) / (2 * sigma**2)) for at, chance in sums.items()]
    return np.sum(parts, axis=0) / (sigma * math.sqrt(2 * math.pi)) * (x[1] - x[0])


SMALL = [(2, 1.0, 1, 1.0), (3, 0.5, 1, 1.0), (3, 0.5, 2, 1.0), (4, 0.3, 2, 0.7), (4, 0.9, 3, 1.5)]


@pytest.mark.parametrize(("units", "rate", "most", "sigma"), SMALL)
def test_no_small_data_set_is_protected_less_than_the_price_says(
    units: int, rate: float, most: int, sigma: float
) -> None:
    """The unit's gradient against an empty place, all others anywhere in the clip: the worst of them, exactly."""
    losses = (-0.5, 0.05, 0.3, 1.0, 2.0)
    worst = np.zeros((2, len(losses)))
    for others in itertools.product((-1.0, 0.0, 1.0), repeat=units - 1):
        with_unit, without = (_density(_outputs([own, *others], rate, most), sigma) for own in (1.0, 0.0))
        for number, (p, q) in enumerate(((with_unit, without), (without, with_unit))):
            sticks = [np.maximum(p - math.exp(e) * q, 0).sum() for e in losses]
            worst[number] = np.maximum(worst[number], sticks)
    priced, tenth_more = (
        np.array([m.delta(np.array(losses)) for m in composed(cut(units, Fraction(rate), most, s), relation=ADD)])
        for s in (sigma, 1.1 * sigma)
    )
    assert (worst <= priced + 1e-7).all()
    # Had a tenth more noise been paid for than runs, the price would be false.
    assert (worst[0, 1:] > tenth_more[0, 1:]).all()


def test_orders_hold_for_every_small_data_set() -> None:
    orders = (1.5, 2.0, 3.0, 6.0)
    for units, rate, most, sigma in SMALL:
        curve = renyi_curve(cut(units, Fraction(rate), most, sigma), relation=ADD, orders=orders)
        for others in itertools.product((-1.0, 1.0), repeat=units - 1):
            with_unit, without = (np.log(_density(_outputs([own, *others], rate, most), sigma)) for own in (1.0, 0.0))
            for order, value in zip(orders, curve.epsilons, strict=True):
                for p, q in ((with_unit, without), (without, with_unit)):
                    assert logsumexp(order * p + (1 - order) * q) / (order - 1) <= value + 1e-9


def test_orders_bound_the_loss_distribution() -> None:
    for most in (60, 80, 100, 400):
        found = epsilon_by_engine(cut(1000, Fraction(1, 20), most, 1.0, 100), relation=ADD, delta=1e-5)
        assert found["loss-distribution"] <= found["renyi"] < 1.5 * found["loss-distribution"]


def test_chances_are_those_of_counting() -> None:
    for units, rate, most in ((4, 0.3, 2), (5, 0.9, 3), (5, 1.0, 2), (6, 0.5, 1)):
        chance = together = size = 0.0
        for coins in itertools.product([0, 1], repeat=units):
            weight = math.prod(rate if coin else 1 - rate for coin in coins)
            full = sum(coins[1:]) >= most
            chance += weight * full
            together += weight * full * coins[0] * most / max(1, sum(coins))
            size += weight * min(most, sum(coins))
        found = truncation(rate, units=units, most=most)
        assert found.chance == pytest.approx(chance, rel=1e-8)
        assert chance <= found.chance
        assert found.rate == pytest.approx(together / chance, rel=1e-8)
        assert expected_size(rate, units=units, most=most) == pytest.approx(size, rel=1e-12)


def test_room_for_everybody_is_poisson_sampling() -> None:
    rate, step = Fraction(1, 20), Gaussian(1.0)
    for delta in (1e-9, 1e-5):
        whole = price(cut(1000, rate, 1000, 1.0, 100), relation=ADD, delta=delta)
        assert whole.point == price(Repeated(PoissonSampled(rate, step), 100), relation=ADD, delta=delta).point
        # A chance below every digit changes nothing that is shown.
        nearly = price(cut(1000, rate, 400, 1.0, 100), relation=ADD, delta=delta).point
        assert float(nearly.epsilon) == pytest.approx(float(whole.point.epsilon), rel=1e-3)
    everybody = price(cut(50, Fraction(1), 50, 2.0, 10), relation=ADD, delta=1e-5)
    assert everybody.point == price(Repeated(Gaussian(2.0), 10), relation=ADD, delta=1e-5).point


@settings(max_examples=25, deadline=None)
@given(
    sigma=st.floats(0.5, 6),
    units=st.integers(20, 2000),
    share=st.integers(2, 50),
    deviations=st.floats(0, 9),
    steps=st.integers(1, 60),
)
def test_more_noise_and_fewer_steps_protect(
    sigma: float, units: int, share: int, deviations: float, steps: int
) -> None:
    rate, mean = Fraction(1, share), units / share
    most = max(1, round(mean + deviations * math.sqrt(mean)))

    def of(sigma: float, steps: int) -> float:
        return loss_epsilon(cut(units, rate, most, sigma, steps), relation=ADD, delta=1e-6, coarseness=4)

    here = of(sigma, steps)
    assert of(1.3 * sigma, steps) < here or here == 0
    assert of(sigma, steps + 1) >= here * 0.99
    # With the sample given away, a step is the plain mechanism.
    assert here <= loss_epsilon(Repeated(Gaussian(sigma), steps), relation=ADD, delta=1e-6) * 1.02 + 1e-3


def test_calibration() -> None:
    def make(sigma: float) -> Event:
        return cut(6_000, Fraction(64, 6_000), 100, sigma, 200)

    sigma = float(calibrate_noise(make, relation=ADD, epsilon=2, delta=1e-5))
    points = [price(make(s), relation=ADD, delta=1e-5).point for s in (sigma, 0.997 * sigma)]
    assert float(points[0].epsilon) <= 2 < float(points[1].epsilon)
    plain = calibrate_noise(
        lambda s: Repeated(PoissonSampled(Fraction(64, 6_000), Gaussian(s)), 200),
        relation=ADD,
        epsilon=2,
        delta=1e-5,
    )
    assert float(plain) * 0.999 < sigma < 1.02 * float(plain)


def test_what_has_no_proof_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedEvent, match="truncated Poisson sampling is not priced under replace-one"):
        price(cut(100, Fraction(1, 10), 20, 1.0), relation=Relation.REPLACE_ONE, delta=1e-5)
    with pytest.raises(UnsupportedEvent, match="truncated Poisson sampling of Laplace"):
        price(TruncatedPoissonSampled(0.1, 100, 20, Laplace(1)), relation=ADD, delta=1e-5)
    for bad in ((0, 10, 5), (1.5, 10, 5), (0.5, 0, 5), (0.5, 10, 0)):
        with pytest.raises(InvalidParameter):
            TruncatedPoissonSampled(*bad, Gaussian(1))
