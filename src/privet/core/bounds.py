"""Public facts about the data: stated by a person, never read from the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from privet.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Interval:
    """Values of a number lie in [lower, upper]; what lies outside is moved to the nearer end.

    >>> Interval(0, 100).width
    100.0
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", float(self.lower))
        object.__setattr__(self, "upper", float(self.upper))
        if not (math.isfinite(self.lower) and math.isfinite(self.upper)) or self.lower >= self.upper:
            raise InvalidParameter(f"bounds are [{self.lower}, {self.upper}]; give two finite numbers, the lower first")

    @property
    def width(self) -> float:
        return self.upper - self.lower


@dataclass(frozen=True, slots=True)
class Categories:
    """A value is one of these; anything else counts as unknown.

    >>> len(Categories(("f", "m")))
    2
    """

    values: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values or len(set(self.values)) != len(self.values):
            raise InvalidParameter("categories must be at least one and all different")

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class NormBound:
    """The L2 norm of a row is at most this; longer rows are scaled down.

    >>> NormBound(1.0).limit
    1.0
    """

    limit: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit) or self.limit <= 0:
            raise InvalidParameter(f"norm bound is {self.limit}; give a finite number above 0")


Bounds: TypeAlias = Interval | Categories | NormBound
