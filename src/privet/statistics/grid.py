"""A public grid: real values become integers row by row, so that sums are exact.

Adding floats leaks: rounding depends on the order and size of other rows (Mironov 2012; Casacuberta, Shoemate, Vadhan
& Wagaman 2022), so the true sensitivity of a float sum exceeds the one on paper. A sum of integers has no rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.bounds import Interval
from privet.core.errors import InvalidParameter
from privet.core.exact import Real, exact
from privet.statistics.rows import missing

LARGEST_CODE = 2**31
_DEFAULT_STEPS = 2**16


@dataclass(frozen=True, slots=True)
class Grid:
    """Multiples of ``granularity`` that cover ``bounds``; a value's code is the multiple nearest to it.

    Errors: InvalidParameter if codes would exceed 2**31, so that 2**31 rows can be added in 64 bits.

    >>> grid = Grid.over(Interval(0, 1), granularity="1/4")
    >>> grid.codes([0.3, 7.0, float("nan")]).tolist(), grid.low, grid.high
    ([1, 4, 0], 0, 4)
    """

    bounds: Interval
    granularity: Fraction

    @classmethod
    def over(cls, bounds: Interval, *, granularity: Real | None = None) -> Grid:
        """A grid of the stated granularity, or of the power of two that gives 2**15 to 2**16 steps or coarser.

        The default depends on the bounds alone; both are public.
        """
        if granularity is not None:
            return cls(bounds, exact(granularity, name="granularity"))
        reach = max(bounds.width, abs(bounds.lower) / 2**14, abs(bounds.upper) / 2**14)
        return cls(bounds, Fraction(2) ** math.ceil(math.log2(reach / _DEFAULT_STEPS)))

    def __post_init__(self) -> None:
        if not isinstance(self.bounds, Interval):
            raise InvalidParameter(f"bounds are a {type(self.bounds).__name__}; give an Interval of public numbers")
        if self.granularity <= 0:
            raise InvalidParameter(f"granularity is {self.granularity}; give a number above 0")
        if self.largest > LARGEST_CODE:
            raise InvalidParameter(
                f"granularity {self.granularity} needs codes above {LARGEST_CODE}; take a coarser one"
            )

    @property
    def low(self) -> int:
        """Smallest code."""
        return math.floor(Fraction(self.bounds.lower) / self.granularity)

    @property
    def high(self) -> int:
        """Largest code."""
        return math.ceil(Fraction(self.bounds.upper) / self.granularity)

    @property
    def largest(self) -> int:
        """Largest magnitude of a code."""
        return max(abs(self.low), abs(self.high))

    def codes(self, values: Any) -> NDArray[np.int64]:
        """The code of each value; a missing one (NaN) counts as 0, or as the bound nearest to 0.

        Each code depends on its own row only, and is an integer from ``low`` to ``high`` whatever the value.
        """
        numbers = as_floats(np.asarray(values))
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.rint(numbers / float(self.granularity))
        steps = np.where(np.isnan(steps), 0.0, steps)
        return np.clip(steps, self.low, self.high).astype(np.int64)


def as_floats(values: NDArray[Any]) -> NDArray[np.float64]:
    """A column as floats, with NaN for what is missing."""
    if values.dtype == object:
        values = np.array([math.nan if missing(value) else value for value in values.tolist()])
    return values.astype(np.float64)
