"""Renyi accounting: divergence bounds at fixed orders, which simply add. Sampled noise comes from dp-accounting."""

from __future__ import annotations

import functools
import logging
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privet.accounting.allocation_moments import allocated_divergences
from privet.accounting.leaves import (
    AllocatedLeaf,
    ApproxLeaf,
    DiscreteGaussianLeaf,
    GaussianLeaf,
    Leaf,
    PureLeaf,
    TruncatedLeaf,
    leaves_of,
)
from privet.core.events import Event
from privet.core.guarantees import RenyiCurve
from privet.core.neighbours import Relation

Floats = NDArray[np.float64]

# Dense where good conversions lie for epsilons from 0.01 to 100.
ORDERS: Final[tuple[float, ...]] = (
    *(1 + k / 20 for k in range(1, 20)),
    *(2 + k / 4 for k in range(40)),
    *(float(k) for k in range(12, 64)),
    *(float(k) for k in (72, 80, 96, 112, 128, 160, 192, 256, 384, 512, 1024)),
)


def renyi_curve(event: Event, *, relation: Relation, orders: tuple[float, ...]) -> RenyiCurve:
    """Upper bounds on the Renyi divergence of an event at each order; infinite where there is none.

    Reference: Mironov 2017, Propositions 1 and 7; Mironov, Talwar & Zhang 2019 (sampled Gaussian).

    >>> from privet.core.events import Gaussian
    >>> renyi_curve(Gaussian(2), relation=Relation.REPLACE_ONE, orders=(2.0, 8.0)).epsilons
    (0.25, 1.0)
    """
    found = leaves_of(event, relation=relation)
    if found is None:
        return RenyiCurve(orders, (math.inf,) * len(orders))
    total = np.zeros(len(orders))
    for leaf, count in found.items():
        total += count * np.asarray(_leaf_curve(leaf, orders))
    return RenyiCurve(orders, tuple(float(value) for value in total))


def epsilon_of_curve(curve: RenyiCurve, *, delta: float) -> float:
    """Smallest epsilon at ``delta`` that some order of the curve gives.

    Reference: Canonne, Kamath & Steinke 2020, Proposition 12.
    """
    if delta <= 0:
        return math.inf
    orders, values = np.asarray(curve.orders), np.asarray(curve.epsilons)
    epsilons = values + np.log1p(-1 / orders) - (math.log(delta) + np.log(orders)) / (orders - 1)
    return max(0.0, float(np.min(epsilons)))


def delta_of_curve(curve: RenyiCurve, *, epsilon: float) -> float:
    """Smallest delta at ``epsilon`` that some order of the curve gives: the same formula, solved for delta."""
    orders, values = np.asarray(curve.orders), np.asarray(curve.epsilons)
    logs = (orders - 1) * (values - epsilon + np.log1p(-1 / orders)) - np.log(orders)
    return min(1.0, math.exp(min(0.0, float(np.min(logs)))))


@functools.lru_cache(maxsize=4096)
def _leaf_curve(leaf: Leaf, orders: tuple[float, ...]) -> tuple[float, ...]:
    if isinstance(leaf, PureLeaf):
        return tuple(_response(leaf.epsilon, order) for order in orders)
    if isinstance(leaf, DiscreteGaussianLeaf):
        return tuple(float(leaf.rho) * order for order in orders)
    if isinstance(leaf, ApproxLeaf):
        exact_pure = leaf.delta == 0
        return tuple(_response(float(leaf.epsilon), order) if exact_pure else math.inf for order in orders)
    if isinstance(leaf, AllocatedLeaf):
        return allocated_divergences(leaf.sigma, steps=leaf.steps, orders=orders)
    if isinstance(leaf, TruncatedLeaf):
        return _truncated(leaf, orders)
    if leaf.rate == 1:
        return tuple(order / (2 * leaf.sigma**2) for order in orders)
    return _sampled_gaussian(leaf, orders)


def _response(epsilon: float, order: float) -> float:
    """Renyi divergence of randomised response, which dominates every epsilon-DP mechanism.

    Reference: Kairouz, Oh & Viswanath 2015, Theorem 3.1 (domination), and the divergence of two coins.
    """
    if epsilon < 1e-7:
        # The exact value is order * epsilon^2 / 2 to first order; this bound holds for every epsilon and never cancels.
        return min(epsilon, order * epsilon**2 / 2)
    log_p = -math.log1p(math.exp(-epsilon))
    high, low = log_p + (order - 1) * epsilon, log_p - order * epsilon
    value = (high + math.log1p(math.exp(low - high))) / (order - 1)
    return max(0.0, min(value, epsilon, order * epsilon**2 / 2))


def _truncated(leaf: TruncatedLeaf, orders: tuple[float, ...]) -> tuple[float, ...]:
    """Moments of both cases add up by their chances.

    In a cut sample the unit drives out another, twice as far: the curve is that of sampling so, the larger direction in
    both; a moment is an integral of the curve over both signs of the loss, so it is at most the sum of two, less the 1
    that they share. Or it is given away whether the unit is in: then it moves the noise by its own clip norm.
    """
    a, cut = np.asarray(orders) - 1, leaf.cut
    whole = a * np.asarray(_leaf_curve(GaussianLeaf(leaf.sigma, leaf.rate), orders))
    if cut.chance == 0:
        return tuple((whole / a).tolist())
    far = a * np.asarray(_leaf_curve(GaussianLeaf(leaf.sigma / 2, cut.rate), orders))
    driven_out = _log_mixture(2.0, np.zeros_like(a), far)
    given_away = _log_mixture(cut.rate, np.zeros_like(a), a * (a + 1) / (2 * leaf.sigma**2))
    both = _log_mixture(cut.chance, whole, np.minimum(driven_out, given_away))
    return tuple((both / a).tolist())


def _log_mixture(share: float, low: Floats, high: Floats) -> Floats:
    """log((1 - share) exp(low) + share exp(high)), or a little more; small ones keep their digits."""
    small = np.maximum(low, high) < 1
    near = (1 - share) * np.expm1(np.where(small, low, 0.0)) + share * np.expm1(np.where(small, high, 0.0))
    with np.errstate(divide="ignore"):
        large = np.logaddexp(np.log(max(0.0, 1 - share)) + low, math.log(share) + high)
    return np.where(small, np.log1p(near), large)


def _sampled_gaussian(leaf: GaussianLeaf, orders: tuple[float, ...]) -> tuple[float, ...]:
    # Loaded here because dp-accounting takes about a second to import.
    import dp_accounting
    from dp_accounting import rdp

    event = dp_accounting.PoissonSampledDpEvent(leaf.rate, dp_accounting.GaussianDpEvent(leaf.sigma))
    log = logging.getLogger("absl")
    level = log.level
    # It logs every order that it leaves out; such an order is infinite here, which is sound and no news.
    log.setLevel(logging.ERROR)
    try:
        return tuple(float(value) for value in rdp.RdpAccountant(orders).compose(event).rdp)
    finally:
        log.setLevel(level)
