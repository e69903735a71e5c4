"""beta-likeness: by how much a sensitive value may be likelier in a class than in the whole table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Joins

_ROUNDING = 1e-12


def relative_gain(classes: Classes) -> NDArray[np.float64]:
    """The largest (q - p) / p of each class: q a value's share in it, p in the table. Losses do not count."""
    cells = classes.cells()
    return np.maximum.reduceat(_gains(classes), cells.starts) if len(cells.count) else np.zeros(0)


def bounded_gain(classes: Classes) -> NDArray[np.float64]:
    """The same, but infinite where some value gains more than -log p, which enhanced beta-likeness never allows."""
    cells = classes.cells()
    if not len(cells.count):
        return np.zeros(0)
    gains = _gains(classes)
    allowed = -np.log(cells.overall[cells.value])
    return np.maximum.reduceat(np.where(gains > allowed + _ROUNDING, np.inf, gains), cells.starts)


@dataclass(frozen=True, slots=True)
class BetaLikeness:
    """No value of any class is more than beta times likelier, relatively, than in the table.

    Guarantee: basic: (q - p) / p <= beta for each value of each class. ``enhanced``: <= min(beta, -log p), so that a
    frequent value cannot become certain.
    Reference: Cao & Karras 2012, Definitions 2 and 3.
    """

    beta: float
    enhanced: bool = True

    joins: ClassVar[Joins] = "union"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.beta) and self.beta > 0):
            raise InvalidParameter(f"beta is {self.beta!r}; give a number above 0")

    def meets(self, classes: Classes) -> NDArray[np.bool_]:
        """Whether each class gains little enough."""
        return (bounded_gain(classes) if self.enhanced else relative_gain(classes)) <= self.beta + _ROUNDING


def _gains(classes: Classes) -> NDArray[np.float64]:
    cells = classes.cells()
    p = cells.overall[cells.value]
    made: NDArray[np.float64] = (cells.count / classes.sizes[cells.of_class] - p) / p
    return made


MODEL = BetaLikeness
