"""k-map: how many people of a population each row of the table could be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import sizes_in_both


def matches(table: Any, population: Any, *, quasi_identifiers: Sequence[str]) -> NDArray[np.int64]:
    """For each class of the table, how many people of the population look like it; 0 if nobody is listed.

    >>> matches({"age": [30, 40]}, {"age": [30, 30, 40, 50]}, quasi_identifiers=["age"]).tolist()
    [2, 1]
    """
    here, everywhere = sizes_in_both(table, population, quasi_identifiers=quasi_identifiers)
    return everywhere[here > 0]


@dataclass(frozen=True, slots=True)
class KMap:
    """Each row of the table looks like at least k people of the population.

    Guarantee: whoever matches the table with the population's list, not knowing who is in the table, is right with a
    chance of at most 1 / k. Weaker than k-anonymity, and only as good as the list.
    Reference: Sweeney 2001, PhD thesis, section 4.3.
    """

    k: int

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise InvalidParameter(f"k is {self.k!r}; give a whole number of at least 1")

    def meets(self, table: Any, population: Any, *, quasi_identifiers: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each class of the table is large enough in the population."""
        return matches(table, population, quasi_identifiers=quasi_identifiers) >= self.k


MODEL = KMap
