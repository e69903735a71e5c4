"""The whole privacy curve of an event: delta as a function of epsilon, by the tightest accountant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.accounting import gaussian_dp, renyi, zcdp
from privet.accounting.leaves import leaves_of
from privet.core.errors import UnsupportedEvent
from privet.core.events import Event
from privet.core.guarantees import RenyiCurve
from privet.core.neighbours import Relation

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrivacyCurve:
    """Upper bounds on delta at each epsilon, from ``engine``.

    Guarantee: the event is (e, delta(e))-DP for every e at once.
    """

    engine: str
    at: Callable[[Floats], Floats]

    def delta(self, epsilon: float) -> float:
        """Smallest known delta at ``epsilon`` (negative epsilons too, which bound the other kind of error)."""
        return float(self.deltas(np.asarray([epsilon]))[0])

    def deltas(self, epsilons: Floats) -> Floats:
        """The same for many epsilons."""
        return np.clip(self.at(np.asarray(epsilons, dtype=np.float64)), 0.0, 1.0)

    def epsilon(self, delta: float) -> float:
        """Smallest epsilon of at least 0, to 1e-9, at which delta is small enough; infinite if there is none."""
        if self.delta(0.0) <= delta:
            return 0.0
        low, high = 0.0, 1.0
        while self.delta(high) > delta:
            if high > 1e6:
                return float("inf")
            low, high = high, 2 * high
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (low, middle) if self.delta(middle) <= delta else (middle, high)
        return high


def privacy_curve(event: Event, *, relation: Relation) -> PrivacyCurve:
    """The curve of one event, or of one plan fixed in advance.

    Errors: UnsupportedEvent if some part cannot be soundly priced. Without any guarantee delta is 1 everywhere.

    >>> from privet.core.events import Gaussian
    >>> round(privacy_curve(Gaussian(1), relation=Relation.ADD_OR_REMOVE).delta(1.0), 4)
    0.1269
    """
    found = leaves_of(event, relation=relation)
    if found is None:
        return PrivacyCurve("none", lambda epsilons: np.ones_like(epsilons))
    mu = gaussian_dp.mu_of(event, relation=relation)
    if mu is not None:
        known = mu
        return PrivacyCurve("gaussian-dp", lambda e: np.asarray([gaussian_dp.delta_of_mu(known, epsilon=x) for x in e]))
    try:
        return _by_losses(event, relation)
    except UnsupportedEvent:
        return _by_orders(event, relation)


def _by_losses(event: Event, relation: Relation) -> PrivacyCurve:
    from privet.accounting import loss_distribution

    directions = loss_distribution.composed(event, relation=relation)
    return PrivacyCurve("loss-distribution", lambda e: np.max([masses.delta(e) for masses in directions], axis=0))


def _by_orders(event: Event, relation: Relation) -> PrivacyCurve:
    curve = renyi.renyi_curve(event, relation=relation, orders=renyi.ORDERS)
    rho = zcdp.rho_of(event, relation=relation)

    def at(epsilons: Floats) -> Floats:
        return np.asarray([_tightest(float(e), curve, None if rho is None else float(rho)) for e in epsilons])

    return PrivacyCurve("renyi" if rho is None else "zcdp", at)


def _tightest(epsilon: float, curve: RenyiCurve, rho: float | None) -> float:
    if epsilon < 0:
        # Both directions of these bounds are symmetric: delta(-e) = 1 - exp(-e) (1 - delta(e)).
        return 1 - math.exp(epsilon) * (1 - _tightest(-epsilon, curve, rho))
    found = renyi.delta_of_curve(curve, epsilon=epsilon)
    return found if rho is None else min(found, zcdp.delta_of_rho(rho, epsilon=epsilon))
