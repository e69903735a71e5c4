"""What a strategy is: a matrix C that says how the noise of one step is taken back in later ones.

With gradients g_t of norm at most 1, what is released is in effect C g + Z with independent normal Z, and every step
uses g + C^-1 Z. For a lower triangular C the noise of a step needs no draw of a later one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.training.noise_law import StepNoise

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Participation:
    """A unit takes part in at most ``most`` steps, any two of which are at least ``apart`` steps apart.

    >>> Participation(3, 10).after(25)
    [0, 10, 20]
    """

    most: int
    apart: int

    def __post_init__(self) -> None:
        if self.most < 1 or self.apart < 1:
            raise InvalidParameter(f"most is {self.most} and apart {self.apart}; give whole numbers of at least 1")

    def after(self, steps: int) -> list[int]:
        """The densest pattern that begins with the first step."""
        return list(range(0, steps, self.apart))[: self.most]


class Strategy(Hashable, Protocol):
    """A lower triangular matrix C of ``steps`` rows with entries of at least zero."""

    @property
    def steps(self) -> int: ...

    def sensitivity(self, participation: Participation) -> float:
        """L2 sensitivity of C g when one unit takes part as stated with gradients of norm at most 1."""
        ...

    def root_mean_square_error(self, participation: Participation) -> float:
        """Of the noise in all prefix sums, at a noise multiplier of 1."""
        ...

    def greatest_error(self, participation: Participation) -> float:
        """Of the noise in any prefix sum, at a noise multiplier of 1: a standard deviation."""
        ...

    def start(self, size: int, *, device: Any) -> StepNoise:
        """The noise of one step after another, for gradients of so many numbers."""
        ...


def inner_bound(greatest: Series, participation: Participation) -> float:
    """Upper bound on |C g| from the greatest inner product of two columns at each lag, none below zero.

    |sum C_j x_j|^2 <= sum |<C_j, C_k>| for vectors x_j of norm at most 1, and the a-th and b-th participation are at
    least |a - b| times ``apart`` steps apart. Shapes: (steps,).
    """
    most = len(participation.after(len(greatest)))
    beyond = np.maximum.accumulate(greatest[::-1])[::-1]
    total = most * beyond[0]
    for times in range(1, most):
        total += 2 * (most - times) * beyond[times * participation.apart]
    return float(np.sqrt(total))


def identity_error(steps: int, participation: Participation) -> float:
    """Root mean square error of independent noise in every step, for comparison.

    >>> round(identity_error(100, Participation(1, 1)), 3)
    7.106
    """
    return float(np.sqrt(len(participation.after(steps)) * (steps + 1) / 2))
