"""k-anonymity: the size of the smallest group of rows that look alike (Sweeney 2002, Definition 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Joins, classes_of


def class_sizes(frame: Any, *, quasi_identifiers: Sequence[str]) -> NDArray[np.int64]:
    """Size of each group of rows that are alike in all quasi-identifiers, in no order. A missing cell is a value.

    Errors: InvalidParameter if a column is not there or none is named.
    """
    return classes_of(frame, quasi_identifiers=quasi_identifiers).sizes


def k(frame: Any, *, quasi_identifiers: Sequence[str]) -> int:
    """Size of the smallest group; 0 for an empty table."""
    sizes = class_sizes(frame, quasi_identifiers=quasi_identifiers)
    return int(sizes.min()) if len(sizes) else 0


@dataclass(frozen=True, slots=True)
class KAnonymity:
    """Each row looks like at least k - 1 others.

    Guarantee: whoever knows only the quasi-identifiers of a person in the table picks the right row with a chance of at
    most 1 / k. It says nothing about what all k have in common.
    Reference: Sweeney 2002, Definition 3.

    >>> KAnonymity(2).meets(classes_of({"age": [30, 30, 40]}, quasi_identifiers=["age"])).tolist()
    [True, False]
    """

    k: int

    joins: ClassVar[Joins] = "larger"

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise InvalidParameter(f"k is {self.k!r}; give a whole number of at least 1")

    def meets(self, classes: Classes) -> NDArray[np.bool_]:
        """Whether each class is large enough."""
        return classes.sizes >= self.k


MODEL = KAnonymity
