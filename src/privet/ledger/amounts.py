"""What a claim costs, in exact integers: added without error, rounded against the spender."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from privet.core.exact import round_up

EPSILON_DIGITS: Final = 18
DELTA_DIGITS: Final = 30
# Renyi curves come out of floating-point formulas; a cost is raised by this much before it is rounded up.
_RENYI_MARGIN: Final = Fraction(1, 10**12)

# Orders every account keeps. Changing them changes what new accounts can hold, never what old ones promised:
# each account stores the orders it was made with.
ORDERS: Final[tuple[float, ...]] = (
    *(1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0),
    *(14.0, 16.0, 20.0, 24.0, 32.0, 48.0, 64.0, 128.0),
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A cost, or a sum of costs, on every track of the filter.

    Units: ``epsilon`` and ``renyi`` in 1e-18, ``delta`` in 1e-30. None means that the track cannot bound it.

    >>> Amount(1, 0, (2, None)) + Amount(1, 0, (2, 2))
    Amount(epsilon=2, delta=0, renyi=(4, None))
    """

    epsilon: int | None
    delta: int
    renyi: tuple[int | None, ...]

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            _add(self.epsilon, other.epsilon),
            self.delta + other.delta,
            tuple(_add(a, b) for a, b in zip(self.renyi, other.renyi, strict=True)),
        )

    def settle(self, *, planned: Amount, ran: Amount) -> Amount:
        """Replace the Renyi cost of a plan by that of the steps that ran; the basic track keeps the plan's price."""
        renyi = tuple(
            total if total is None or was is None or now is None else total - was + now
            for total, was, now in zip(self.renyi, planned.renyi, ran.renyi, strict=True)
        )
        return Amount(self.epsilon, self.delta, renyi)

    def to_json(self) -> dict[str, Any]:
        return {
            "epsilon": None if self.epsilon is None else str(self.epsilon),
            "delta": str(self.delta),
            "renyi": [None if value is None else str(value) for value in self.renyi],
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Amount:
        return cls(
            None if body["epsilon"] is None else int(body["epsilon"]),
            int(body["delta"]),
            tuple(None if value is None else int(value) for value in body["renyi"]),
        )


def nothing(orders: int) -> Amount:
    """The empty sum over so many Renyi orders.

    >>> nothing(2)
    Amount(epsilon=0, delta=0, renyi=(0, 0))
    """
    return Amount(0, 0, (0,) * orders)


def _add(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def epsilon_units(value: Fraction) -> int:
    """A cost in epsilon as an integer of 1e-18, rounded up.

    >>> epsilon_units(Fraction(1, 10)) * 10 == epsilon_units(Fraction(1))
    True
    """
    return round_up(value, digits=EPSILON_DIGITS)


def delta_units(value: Fraction) -> int:
    """A cost in delta as an integer of 1e-30, rounded up."""
    return round_up(value, digits=DELTA_DIGITS)


def renyi_units(value: float) -> int | None:
    """A floating-point Renyi value as an integer of 1e-18, raised by the margin of its computation and rounded up.

    >>> renyi_units(math.inf) is None, renyi_units(0.0)
    (True, 0)
    """
    if math.isinf(value):
        return None
    return round_up(Fraction(value) * (1 + _RENYI_MARGIN), digits=EPSILON_DIGITS)
