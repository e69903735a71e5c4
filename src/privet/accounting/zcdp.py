"""Zero-concentrated DP: one number, rho, that adds exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privet.accounting.leaves import ApproxLeaf, DiscreteGaussianLeaf, GaussianLeaf, Leaf, PureLeaf, leaves_of
from privet.core.events import Event
from privet.core.neighbours import Relation

Orders = NDArray[np.float64]


def rho_of(event: Event, *, relation: Relation) -> Fraction | None:
    """Total rho of an event, exactly; None if some part is not zero-concentrated.

    Reference: Bun & Steinke 2016, Propositions 1.4 (pure) and 1.6 (Gaussian), Lemma 1.7 (composition); Canonne,
    Kamath & Steinke 2020, Theorem 14 (discrete Gaussian).

    >>> from privet.core.events import DiscreteGaussian, Repeated
    >>> rho_of(Repeated(DiscreteGaussian(8, 1), 4), relation=Relation.ADD_OR_REMOVE)
    Fraction(1, 4)
    """
    found = leaves_of(event, relation=relation)
    if found is None:
        return None
    parts = [(_rho(leaf), count) for leaf, count in found.items()]
    if any(rho is None for rho, _ in parts):
        return None
    return sum((rho * count for rho, count in parts if rho is not None), Fraction(0))


def epsilon_of_rho(rho: float, *, delta: float) -> float:
    """Smallest epsilon at ``delta`` that rho-zCDP gives, over all orders.

    Reference: Canonne, Kamath & Steinke 2020, Corollary 13. Any order gives a sound value; a fine grid finds the best.
    """
    if rho == 0:
        return 0.0
    if delta <= 0:
        return math.inf
    # The best order of the plain conversion.
    centre = 1 + math.sqrt(max(1e-12, math.log(1 / delta) / rho))

    def at(orders: Orders) -> Orders:
        spent: Orders = (math.log(delta) + np.log(orders)) / (orders - 1)
        return rho * orders + np.log1p(-1 / orders) - spent

    return max(0.0, _least(at, centre=centre, rho=rho))


def delta_of_rho(rho: float, *, epsilon: float) -> float:
    """Smallest delta at ``epsilon`` that rho-zCDP gives: the same formula, solved for delta."""
    if rho == 0:
        return 0.0
    centre = max(1.01, (epsilon + rho) / (2 * rho))

    def at(orders: Orders) -> Orders:
        found: Orders = (orders - 1) * (rho * orders - epsilon + np.log1p(-1 / orders)) - np.log(orders)
        return found

    return min(1.0, math.exp(min(0.0, _least(at, centre=centre, rho=rho))))


def _least(at: Callable[[Orders], Orders], *, centre: float, rho: float) -> float:
    """The smallest value over orders above 1: on a wide grid, then on a fine one around its best order.

    The sharper conversion's best order lies near the plain one's, or, where epsilon is below rho, near 1 / sqrt(rho).
    """
    wide = (centre - 1 + 1 / math.sqrt(rho)) * np.geomspace(1e-4, 10.0, 300)
    best = int(np.argmin(at(1 + wide)))
    fine = np.geomspace(wide[max(0, best - 1)], wide[min(len(wide) - 1, best + 1)], 300)
    return float(np.min(at(1 + fine)))


def _rho(leaf: Leaf) -> Fraction | None:
    if isinstance(leaf, DiscreteGaussianLeaf):
        return leaf.rho
    if isinstance(leaf, PureLeaf):
        return None if leaf.exact is None else leaf.exact**2 / 2
    if isinstance(leaf, ApproxLeaf):
        return leaf.epsilon**2 / 2 if leaf.delta == 0 else None
    if isinstance(leaf, GaussianLeaf) and leaf.rate == 1:
        return 1 / (2 * Fraction(leaf.sigma) ** 2)
    return None
