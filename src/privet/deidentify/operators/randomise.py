"""Give some cells another category by chance: the post-randomisation method, PRAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from privet.core.errors import InvalidParameter
from privet.deidentify.chance import KeyedChance, content_of
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class Randomise:
    """With probability ``change`` a cell is drawn again, from all filled cells of the column.

    The matrix of transitions is (1 - change) I + change 1 p', with p the shares of the categories; p is its fixed point
    (invariant PRAM), so counts keep their expectation. A cell that is drawn again may get what it had.
    Guarantee: no anonymity; plausible denial of each cell. What is drawn depends on the column's key and content.
    Missing cells stay missing.
    Reference: Gouweleeuw, Kooiman, Willenborg & de Wolf 1998.
    """

    change: float

    traits: ClassVar[Traits] = Traits(gives="same", keyed=True, looks_at="column")

    def __post_init__(self) -> None:
        if not 0 < self.change <= 1:
            raise InvalidParameter(f"change is {self.change}; give more than 0 and at most 1")

    def apply(self, column: Any, *, key: bytes) -> Any:
        there = np.flatnonzero(column.notna().to_numpy())
        chance = KeyedChance(key, purpose=b"pram", content=content_of(column))
        again = chance.uniform(len(there)) < self.change
        places = np.arange(len(column))
        drawn = chance.below(len(there), count=len(there))
        places[there[again]] = there[drawn[again]]
        return column.take(places).set_axis(column.index)

    def describe(self) -> str:
        return f"drawn again with probability {self.change:g}"


OPERATOR = Randomise
