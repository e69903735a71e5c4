"""Entropy l-diversity: to how many equally frequent sensitive values each class amounts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Joins

# Counts that are exactly even must meet their own l, whatever the last bit of a logarithm says.
_ROUNDING = 1e-9


def entropy_l(classes: Classes) -> NDArray[np.float64]:
    """exp of the entropy of the sensitive values of each class.

    With counts c of n rows the entropy is log n - (sum of c log c) / n.
    """
    cells = classes.cells()
    if not len(cells.count):
        return np.zeros(0)
    weighted = np.add.reduceat(cells.count * np.log(cells.count), cells.starts)
    made: NDArray[np.float64] = np.exp(np.maximum(0.0, np.log(classes.sizes) - weighted / classes.sizes))
    return made


@dataclass(frozen=True, slots=True)
class EntropyLDiversity:
    """The entropy of the sensitive values of each class is at least log(l).

    Guarantee: it implies distinct l-diversity, and bounds how far the values are from being equally likely on average.
    Reference: Machanavajjhala et al. 2007, Definition 4.1.
    """

    l: float  # noqa: E741 - the model's own name

    joins: ClassVar[Joins] = "union"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.l) and self.l >= 1):
            raise InvalidParameter(f"l is {self.l!r}; give a number of at least 1")

    def meets(self, classes: Classes) -> NDArray[np.bool_]:
        """Whether each class is diverse enough."""
        return entropy_l(classes) >= self.l * (1 - _ROUNDING)


MODEL = EntropyLDiversity
