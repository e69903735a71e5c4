"""The privacy filter: whether a sum of claims, each chosen after seeing the last, still keeps the account's promise.

Several tracks run side by side, each with its share of delta; a claim is admitted if at least one track stays within
its limit. The argument is in docs/decisions/004-ledger-filter.md.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from privet.core.exact import round_down
from privet.ledger.account import AccountSpec, Composition
from privet.ledger.amounts import DELTA_DIGITS, EPSILON_DIGITS, Amount

# Limits from floating-point logarithms are lowered by this much.
_MARGIN: Final = 1e-12
BASIC: Final = "basic composition"


@dataclass(frozen=True, slots=True)
class Filter:
    """Limits of one account on every track.

    Guarantee: the interaction in which every claim was admitted is (epsilon, delta)-DP for the account's unit and
    relation, whatever rule chose the claims. Reference: Feldman & Zrnic 2021, Theorem 4.3; Whitehouse, Ramdas,
    Rogers & Wu 2023, Theorem 1; composed over tracks as in decision 004.

    ``epsilon`` and ``delta`` limit the basic track; ``renyi`` has a limit for each order, None where the order
    cannot be used. Units as in ``Amount``. ``shares`` are the deltas of the orders.
    """

    epsilon: int
    delta: int
    orders: tuple[float, ...]
    renyi: tuple[int | None, ...]
    shares: tuple[float, ...]

    def track(self, total: Amount) -> str | None:
        """Name of a track on which the total fits, or None if it fits on none."""
        if total.epsilon is not None and total.epsilon <= self.epsilon and total.delta <= self.delta:
            return BASIC
        for order, limit, value in zip(self.orders, self.renyi, total.renyi, strict=True):
            if limit is not None and value is not None and value <= limit:
                return _renyi_name(order)
        return None

    def epsilon_spent(self, total: Amount) -> float:
        """Smallest epsilon that the total is known to keep at the account's delta (infinite if there is none)."""
        return self.tightest(total)[0]

    def tightest(self, total: Amount) -> tuple[float, str | None]:
        """The smallest epsilon that the total is known to keep, and the track that knows it."""
        best: tuple[float, str | None] = (math.inf, None)
        if total.epsilon is not None and total.delta <= self.delta:
            best = (total.epsilon / 10**EPSILON_DIGITS, BASIC)
        if any(total.renyi):
            for order, share, value in zip(self.orders, self.shares, total.renyi, strict=True):
                if value is not None and share > 0:
                    epsilon = max(0.0, value / 10**EPSILON_DIGITS + _surcharge(order, share))
                    best = min(best, (epsilon, _renyi_name(order)), key=lambda found: found[0])
        return best


def _renyi_name(order: float) -> str:
    return f"Renyi filter of order {order:g}"


@functools.lru_cache(maxsize=4096)
def filter_of(spec: AccountSpec) -> Filter:
    """The filter that keeps the promise of an account."""
    basic_share = spec.delta if spec.composition is Composition.BASIC else spec.delta / 4
    shares = _renyi_shares(spec, float(spec.delta - basic_share))
    limits = tuple(_renyi_limit(float(spec.epsilon), a, d) for a, d in zip(spec.orders, shares, strict=True))
    return Filter(
        epsilon=round_down(spec.epsilon, digits=EPSILON_DIGITS),
        delta=round_down(basic_share, digits=DELTA_DIGITS),
        orders=spec.orders,
        renyi=limits,
        shares=shares,
    )


def claim_delta(spec: AccountSpec) -> Fraction:
    """The delta at which a claim is priced on the basic track when its maker does not say.

    The whole share where the account was opened for one plan, an eighth of it where many claims are expected.
    """
    return spec.delta if spec.composition is Composition.BASIC else spec.delta / 32


def _renyi_shares(spec: AccountSpec, delta: float) -> tuple[float, ...]:
    """Three quarters of delta to the order that suits Gaussian noise of this size, the rest equally to the others."""
    if delta <= 0:
        return (0.0,) * len(spec.orders)
    most, rest = delta * 3 / 4, delta / 4 / max(1, len(spec.orders) - 1)
    admitted = [_renyi_limit_float(float(spec.epsilon), order, most) / order for order in spec.orders]
    favourite = admitted.index(max(admitted))
    # Lowered by a relative 1e-12 so that the floating-point shares cannot add up to more than delta.
    return tuple((most if i == favourite else rest) * (1 - _MARGIN) for i in range(len(spec.orders)))


def _surcharge(order: float, delta: float) -> float:
    """What turns a Renyi value of this order into epsilon at this delta (Canonne, Kamath & Steinke 2020, Prop. 12)."""
    return math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1)


def _renyi_limit_float(epsilon: float, order: float, delta: float) -> float:
    return epsilon - _surcharge(order, delta) - _MARGIN


def _renyi_limit(epsilon: float, order: float, delta: float) -> int | None:
    if delta <= 0:
        return None
    limit = _renyi_limit_float(epsilon, order, delta)
    return round_down(Fraction(limit), digits=EPSILON_DIGITS) if limit > 0 else None
