"""Distinct l-diversity: how many different sensitive values each class has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Joins


def distinct_l(classes: Classes) -> NDArray[np.int64]:
    """The number of different sensitive values in each class; a missing one counts as a value."""
    cells = classes.cells()
    return np.diff(cells.starts, append=len(cells.count)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class DistinctLDiversity:
    """Each class has at least l different sensitive values.

    Guarantee: nobody's sensitive value follows from their quasi-identifiers with certainty. One value may still be far
    likelier than the others.
    Reference: Machanavajjhala et al. 2007, section 4.

    >>> from privet.deidentify.classes import classes_of
    >>> table = {"age": [30, 30, 40, 40], "ill": ["yes", "no", "no", "no"]}
    >>> DistinctLDiversity(2).meets(classes_of(table, quasi_identifiers=["age"], sensitive="ill")).tolist()
    [True, False]
    """

    l: int  # noqa: E741 - the model's own name

    joins: ClassVar[Joins] = "larger"

    def __post_init__(self) -> None:
        if isinstance(self.l, bool) or not isinstance(self.l, int) or self.l < 1:
            raise InvalidParameter(f"l is {self.l!r}; give a whole number of at least 1")

    def meets(self, classes: Classes) -> NDArray[np.bool_]:
        """Whether each class is diverse enough."""
        return distinct_l(classes) >= self.l


MODEL = DistinctLDiversity
