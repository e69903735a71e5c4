"""The price of an event: the tightest guarantee that some accountant soundly gives."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction

from privet._version import __version__
from privet.accounting import gaussian_dp, renyi, zcdp
from privet.accounting.leaves import ApproxLeaf, PureLeaf, leaves_of
from privet.core.errors import InvalidParameter, UnsupportedEvent
from privet.core.events import Event, NotPrivate, leaves
from privet.core.exact import float_up
from privet.core.guarantees import ApproxDP, NoGuarantee
from privet.core.neighbours import Relation
from privet.core.units import Delta, Epsilon

# Closed forms are computed in floating point; their epsilon is raised by this much, relatively, before it is used.
_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class Price:
    """What an event costs.

    ``pure_epsilon`` is the exact sum where every part is pure, else None. ``point`` is the tightest sound
    (epsilon, delta) at the delta that was asked for, with epsilon rounded up, or NoGuarantee. ``engine`` found it.
    """

    event: Event
    relation: Relation
    pure_epsilon: Fraction | None
    point: ApproxDP | NoGuarantee
    engine: str
    engine_version: str = __version__


def price(event: Event, *, relation: Relation, delta: float) -> Price:
    """Price one event, or one plan fixed in advance.

    Guarantee: ``point`` holds for the event under ``relation``. Composition is by loss distributions, Gaussian DP,
    zCDP, Renyi or plain sums, whichever is smallest; all are sound for mechanisms fixed in advance, and only sums and
    Renyi filters are for mechanisms chosen adaptively, which is why the ledger keeps those itself.
    Errors: UnsupportedEvent if no accountant soundly prices some part; InvalidParameter for a delta outside [0, 1).

    >>> from privet.core.events import DiscreteLaplace
    >>> price(DiscreteLaplace(10, 1), relation=Relation.ADD_OR_REMOVE, delta=0).pure_epsilon
    Fraction(1, 10)
    """
    Delta(delta)
    return _price(event, relation, float(delta))


def epsilon_by_engine(event: Event, *, relation: Relation, delta: float) -> dict[str, float]:
    """Epsilon at ``delta`` by every accountant that applies, for reports.

    >>> from privet.core.events import Gaussian
    >>> found = epsilon_by_engine(Gaussian(1), relation=Relation.ADD_OR_REMOVE, delta=1e-5)
    >>> found["gaussian-dp"] < found["zcdp"]
    True
    """
    found = leaves_of(event, relation=relation)
    if found is None:
        return {}
    results: dict[str, float] = {}
    pure = _pure(event, relation)
    if pure is not None:
        results["pure"] = float_up(pure)
    basic = _basic(event, relation)
    if basic is not None and float(basic[1]) <= delta:
        results["basic"] = float_up(basic[0])
    if delta > 0 and found:
        results |= _at_delta(event, relation, delta)
    return results if found else {"pure": 0.0}


def _at_delta(event: Event, relation: Relation, delta: float) -> dict[str, float]:
    results: dict[str, float] = {}
    mu = gaussian_dp.mu_of(event, relation=relation)
    if mu is not None:
        results["gaussian-dp"] = gaussian_dp.epsilon_of_mu(mu, delta=delta) * (1 + _MARGIN)
    rho = zcdp.rho_of(event, relation=relation)
    if rho is not None:
        results["zcdp"] = zcdp.epsilon_of_rho(float(rho), delta=delta) * (1 + _MARGIN)
    curve = renyi.renyi_curve(event, relation=relation, orders=renyi.ORDERS)
    results["renyi"] = renyi.epsilon_of_curve(curve, delta=delta) * (1 + _MARGIN)
    if mu is None:
        results["loss-distribution"] = loss_epsilon(event, relation=relation, delta=delta)
    return {name: value for name, value in results.items() if not math.isinf(value)}


def loss_epsilon(event: Event, *, relation: Relation, delta: float, coarseness: int = 1) -> float:
    """Epsilon by loss distributions, over both directions; infinite where they do not apply."""
    from privet.accounting import loss_distribution

    if delta < loss_distribution.MIN_DELTA:
        return math.inf
    try:
        directions = loss_distribution.composed(event, relation=relation, coarseness=coarseness)
    except UnsupportedEvent:
        return math.inf
    return max(masses.epsilon(delta) for masses in directions)


@functools.lru_cache(maxsize=4096)
def _price(event: Event, relation: Relation, delta: float) -> Price:
    if leaves_of(event, relation=relation) is None:
        reasons = sorted({leaf.reason for leaf in leaves(event) if isinstance(leaf, NotPrivate)})
        return Price(event, relation, None, NoGuarantee("; ".join(reasons)), "none")
    pure = _pure(event, relation)
    found = _cheap(event, relation, delta, pure) or epsilon_by_engine(event, relation=relation, delta=delta)
    if not found:
        raise UnsupportedEvent(f"no accountant bounds this event at delta {delta:g}; give a delta above 0")
    engine = min(found, key=lambda name: found[name])
    achieved = 0.0 if engine == "pure" else delta
    if math.isinf(found[engine]):
        raise InvalidParameter(f"this event has no finite epsilon at delta {delta:g}; ask for a larger delta")
    return Price(event, relation, pure, ApproxDP(Epsilon(found[engine]), Delta(achieved)), engine)


def _cheap(event: Event, relation: Relation, delta: float, pure: Fraction | None) -> dict[str, float] | None:
    """Where one engine is exact, the others need not run."""
    found = leaves_of(event, relation=relation)
    if found is None or pure is None or (found and sum(found.values()) > 1):
        mu = gaussian_dp.mu_of(event, relation=relation) if delta > 0 else None
        if mu:
            return {"gaussian-dp": gaussian_dp.epsilon_of_mu(mu, delta=delta) * (1 + _MARGIN)}
        return None
    return {"pure": float_up(pure)}


def _pure(event: Event, relation: Relation) -> Fraction | None:
    """Exact sum of pure epsilons, or None."""
    found = leaves_of(event, relation=relation)
    if found is None:
        return None
    total = Fraction(0)
    for leaf, count in found.items():
        exact = leaf.exact if isinstance(leaf, PureLeaf) else None
        if isinstance(leaf, ApproxLeaf) and leaf.delta == 0:
            exact = leaf.epsilon
        if exact is None:
            return None
        total += exact * count
    return total


def _basic(event: Event, relation: Relation) -> tuple[Fraction, Fraction] | None:
    """Plain sums of epsilons and deltas, where every part has one."""
    epsilon, delta = Fraction(0), Fraction(0)
    for leaf, count in (leaves_of(event, relation=relation) or {}).items():
        if isinstance(leaf, PureLeaf):
            epsilon += count * (leaf.exact if leaf.exact is not None else Fraction(leaf.epsilon * (1 + _MARGIN)))
        elif isinstance(leaf, ApproxLeaf):
            epsilon, delta = epsilon + count * leaf.epsilon, delta + count * leaf.delta
        else:
            return None
    return epsilon, delta
