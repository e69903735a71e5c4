"""Gaussian DP: for Gaussian noise without sampling the privacy curve is known exactly."""

from __future__ import annotations

import math

from privet.accounting.leaves import GaussianLeaf, leaves_of
from privet.core.events import Event
from privet.core.neighbours import Relation


def mu_of(event: Event, *, relation: Relation) -> float | None:
    """Total mu of an event of Gaussian mechanisms without sampling; None for any other event.

    Reference: Dong, Roth & Su 2022, Theorem 4 and Corollary 2.

    >>> from privet.core.events import Gaussian, Repeated
    >>> mu_of(Repeated(Gaussian(2), 4), relation=Relation.ADD_OR_REMOVE)
    1.0
    """
    found = leaves_of(event, relation=relation)
    if found is None:
        return None
    total = 0.0
    for leaf, count in found.items():
        if not isinstance(leaf, GaussianLeaf) or leaf.rate != 1:
            return None
        total += count / leaf.sigma**2
    return math.sqrt(total)


def delta_of_mu(mu: float, *, epsilon: float) -> float:
    """Exact delta of mu-GDP at ``epsilon``, without cancellation in the tail.

    Reference: Balle & Wang 2018, Theorem 8; Dong, Roth & Su 2022, Corollary 1.

    >>> round(delta_of_mu(1.0, epsilon=1.0), 6)
    0.126937
    """
    from scipy.special import log_ndtr

    if mu == 0:
        return max(0.0, -math.expm1(epsilon))
    first = float(log_ndtr(-epsilon / mu + mu / 2))
    second = epsilon + float(log_ndtr(-epsilon / mu - mu / 2))
    if second >= first:
        return 0.0
    return math.exp(first) * -math.expm1(second - first)


def epsilon_of_mu(mu: float, *, delta: float) -> float:
    """Smallest epsilon at which mu-GDP has at most this delta, to 1e-10."""
    if delta <= 0:
        return 0.0 if mu == 0 else math.inf
    if delta_of_mu(mu, epsilon=0.0) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of_mu(mu, epsilon=high) > delta:
        low, high = high, 2 * high
    return _bisect(lambda epsilon: delta_of_mu(mu, epsilon=epsilon) <= delta, low, high)


def mu_for(epsilon: float, *, delta: float) -> float:
    """Largest mu that keeps (``epsilon``, ``delta``), to 1e-10: the calibration of Balle & Wang 2018."""
    if delta <= 0:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of_mu(high, epsilon=epsilon) <= delta:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if high - low <= 1e-12 * high:
            break
        low, high = (middle, high) if delta_of_mu(middle, epsilon=epsilon) <= delta else (low, middle)
    return low


def _bisect(holds, low: float, high: float) -> float:  # type: ignore[no-untyped-def]
    """Smallest point at which ``holds``, approached from above."""
    for _ in range(200):
        if high - low <= 1e-12 * max(1.0, high):
            break
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
