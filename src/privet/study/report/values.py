"""What every figure of the report is made of: a value or the reason why there is none, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from privet.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Withheld:
    """A value that is not in the report, and why: "not run", "the policy keeps it back", "costs budget".

    >>> Withheld("the attack was not run").reason
    'the attack was not run'
    """

    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidParameter("a withheld value has no reason; say in words why it is not shown")


def check_amounts(owner: Any, *names: str, infinite: bool = False) -> None:
    """Refuse NaN and negative numbers, and infinity unless it has a meaning for these fields of a view."""
    for name in names:
        value = getattr(owner, name)
        if isinstance(value, Withheld):
            continue
        if math.isnan(value) or value < 0 or (math.isinf(value) and not infinite):
            kind = "a number of at least 0" + (" (infinity is allowed)" if infinite else ", not infinite")
            raise InvalidParameter(f"{type(owner).__name__}.{name} is {value}; give {kind}")


def check_shares(owner: Any, *names: str) -> None:
    """Refuse what is not a share from 0 to 1 in these fields of a view."""
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, Withheld) and not 0 <= value <= 1:
            raise InvalidParameter(f"{type(owner).__name__}.{name} is {value}; give a share from 0 to 1")


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; ``level`` is its coverage, for example 0.95."""

    low: float
    high: float
    level: float

    def __post_init__(self) -> None:
        check_shares(self, "low", "high", "level")
        if self.low > self.high:
            raise InvalidParameter(f"interval is [{self.low}, {self.high}]; give the lower end first")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured share with its interval, or the reason why it has none."""

    value: float
    interval: Interval | Withheld

    def __post_init__(self) -> None:
        check_shares(self, "value")
