"""delta-disclosure privacy: by what factor a class may change how likely a sensitive value is, either way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Joins


def log_change(classes: Classes, *, absent_counts: bool = True) -> NDArray[np.float64]:
    """The largest |log(q / p)| of each class; infinite where a value is absent, unless absent ones are not to count."""
    cells = classes.cells()
    if not len(cells.count):
        return np.zeros(0)
    changes = np.abs(np.log(cells.count / classes.sizes[cells.of_class] / cells.overall[cells.value]))
    largest = np.maximum.reduceat(changes, cells.starts)
    present = np.diff(cells.starts, append=len(cells.count))
    every = int((cells.overall > 0).sum())
    return np.where(absent_counts & (present < every), np.inf, largest)


@dataclass(frozen=True, slots=True)
class DeltaDisclosure:
    """|log(q / p)| < ``change`` for every value of the table in every class.

    Guarantee: each class has every value of the table, at most exp(change) times as likely or unlikely as in the table.
    The literature calls the bound delta; it has nothing to do with the delta of differential privacy.
    Reference: Brickell & Shmatikov 2008, Definition 1.
    """

    change: float

    joins: ClassVar[Joins] = "union"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.change) and self.change > 0):
            raise InvalidParameter(f"change is {self.change!r}; give a number above 0")

    def meets(self, classes: Classes) -> NDArray[np.bool_]:
        """Whether each class changes little enough."""
        return log_change(classes) < self.change


MODEL = DeltaDisclosure
