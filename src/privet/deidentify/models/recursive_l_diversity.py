"""Recursive (c, l)-diversity: the most frequent sensitive value is not too frequent, even if others are ruled out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Joins


def recursive_c(classes: Classes, *, l: int) -> NDArray[np.float64]:  # noqa: E741 - the model's own name
    """r_1 / (r_l + ... + r_m) for each class, r being its counts in falling order; infinite where fewer than l.

    A class is (c, l)-diverse for every c above this.
    """
    cells = classes.cells()
    if not len(cells.count):
        return np.zeros(0)
    order = np.lexsort((-cells.count, cells.of_class))
    falling = cells.count[order]
    rank = np.arange(len(falling)) - cells.starts[cells.of_class]
    tail = np.add.reduceat(np.where(rank >= l - 1, falling, 0), cells.starts)
    most = falling[cells.starts].astype(np.float64)
    made: NDArray[np.float64] = np.divide(most, tail, out=np.full(len(most), np.inf), where=tail > 0)
    return made


@dataclass(frozen=True, slots=True)
class RecursiveLDiversity:
    """In each class the most frequent value is rarer than c times all but the l - 1 most frequent ones.

    Guarantee: somebody who can rule out l - 2 values of a person still cannot be too sure of another.
    Reference: Machanavajjhala et al. 2007, Definition 4.2.
    """

    c: float
    l: int  # noqa: E741 - the model's own name

    joins: ClassVar[Joins] = "union"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.c) and self.c > 0):
            raise InvalidParameter(f"c is {self.c!r}; give a number above 0")
        if isinstance(self.l, bool) or not isinstance(self.l, int) or self.l < 1:
            raise InvalidParameter(f"l is {self.l!r}; give a whole number of at least 1")

    def meets(self, classes: Classes) -> NDArray[np.bool_]:
        """Whether each class is diverse enough."""
        return recursive_c(classes, l=self.l) < self.c


MODEL = RecursiveLDiversity
