"""Exchange values between rows whose ranks are near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.chance import KeyedChance, content_of
from privet.deidentify.numbers import in_order
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class RankSwap:
    """Each value changes places with one at most ``percent`` of the ranks away; the column's values stay the same.

    Guarantee: none of anonymity. Every statistic of the column alone survives; its relation to others weakens. Which
    rows exchange is drawn by the column's key. Missing cells, and what is neither a number
    nor, in a column of dates, a date, stay where they are.
    Reference: Moore 1996.
    """

    percent: float

    traits: ClassVar[Traits] = Traits(gives="same", keyed=True, looks_at="column")

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise InvalidParameter(f"percent is {self.percent}; give more than 0 and at most 100")

    def apply(self, column: Any, *, key: bytes) -> Any:
        numbers, _ = in_order(column)
        there = np.flatnonzero(~np.isnan(numbers))
        order = there[np.argsort(numbers[there], kind="stable")]
        reach = max(1, int(len(order) * self.percent / 100))
        chance = KeyedChance(key, purpose=b"rankswap", content=content_of(column))
        places = np.arange(len(numbers))
        places[order] = order[partners(chance.uniform(len(order)), reach=reach)]
        return column.take(places).set_axis(column.index)

    def describe(self) -> str:
        return f"exchanged with values within {self.percent:g} % of the ranks"


def partners(drawn: NDArray[np.float64], *, reach: int) -> NDArray[np.int64]:
    """With whom each rank exchanges: somebody free, at most ``reach`` above; itself if nobody is."""
    free, found = bytearray(b"\x01") * len(drawn), list(range(len(drawn)))
    for rank, chance in enumerate(drawn.tolist()):
        if not free[rank]:
            continue
        last = min(len(found) - 1, rank + reach)
        wanted = rank + 1 + int(chance * (last - rank))
        # The next one that is free, going up and then round from below: two searches in machine code.
        other = free.find(1, wanted, last + 1)
        other = free.find(1, rank + 1, wanted) if other < 0 else other
        if other >= 0:
            found[rank], found[other] = other, rank
            free[other] = 0
    return np.array(found, dtype=np.int64)


OPERATOR = RankSwap
