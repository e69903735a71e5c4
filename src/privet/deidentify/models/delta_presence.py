"""delta-presence: how sure somebody with a list of the population can be that a person is in the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import sizes_in_both


def presence(table: Any, population: Any, *, quasi_identifiers: Sequence[str]) -> NDArray[np.float64]:
    """For each class of the population, the share of its people who are in the table.

    Errors: InvalidParameter if a class has more people in the table than in the population: the table is then no part
    of it, and a share would mean nothing.

    >>> presence({"age": [30, 40]}, {"age": [30, 30, 40, 50]}, quasi_identifiers=["age"]).tolist()
    [0.5, 1.0, 0.0]
    """
    here, everywhere = sizes_in_both(table, population, quasi_identifiers=quasi_identifiers)
    more = int((here > everywhere).sum())
    if more:
        raise InvalidParameter(
            f"{more} classes have more rows in the table than in the population; give the population that the table is "
            "a part of, generalised in the same way"
        )
    return here / everywhere


@dataclass(frozen=True, slots=True)
class DeltaPresence:
    """The chance that a member of the population is in the table lies between ``lowest`` and ``highest``.

    Guarantee: whoever has the population's list, and knows that the table was drawn from it, is no surer than that.
    Reference: Nergiz, Atzori & Clifton 2007, Definition 3.
    """

    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if not 0 <= self.lowest <= self.highest <= 1:
            raise InvalidParameter(f"lowest {self.lowest}, highest {self.highest}: give 0 <= lowest <= highest <= 1")

    def meets(self, table: Any, population: Any, *, quasi_identifiers: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each class of the population lies in the limits."""
        shares = presence(table, population, quasi_identifiers=quasi_identifiers)
        return (shares >= self.lowest) & (shares <= self.highest)


MODEL = DeltaPresence
