"""Replace numbers by the mean of a group of at least k rows that are near each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.mdav import mdav
from privet.deidentify.numbers import in_order, like_in_order
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class Microaggregate:
    """Every value stands for at least ``k`` rows; together, every combination of the columns does.

    Guarantee: k-anonymity over the columns that are treated together, if none of their cells is missing; no more. Of
    fewer than ``k`` values none is left. Columns count alike, each by its own spread; a missing cell counts as average
    and stays missing. Tables of more than ``block`` rows are halved before, which costs a little closeness.
    Units: means are in the columns' own unit; of dates, the nearest day.
    Reference: Domingo-Ferrer & Mateo-Sanz 2002.
    """

    k: int
    block: int = 10_000

    traits: ClassVar[Traits] = Traits(gives="number", looks_at="column")

    def __post_init__(self) -> None:
        if not 2 <= self.k <= 1000:
            raise InvalidParameter(f"k is {self.k}; give 2 to 1000 rows")
        if self.block < 2 * self.k:
            raise InvalidParameter(f"block is {self.block}; give at least twice k")

    def apply(self, column: Any, *, key: bytes) -> Any:
        numbers, days = in_order(column)
        there = ~np.isnan(numbers)
        out = np.full(len(numbers), np.nan)
        out[there] = self._means(numbers[there, None])[:, 0]
        return like_in_order(column, out, days=days)

    def apply_together(self, frame: Any, *, key: bytes) -> Any:
        read = [in_order(frame[name]) for name in frame.columns]
        means = self._means(np.column_stack([numbers for numbers, _ in read]))
        treated = {
            name: like_in_order(frame[name], means[:, place], days=days)
            for place, (name, (_, days)) in enumerate(zip(frame.columns, read, strict=True))
        }
        return frame.assign(**treated)

    def _means(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(numbers) < self.k:
            return np.full_like(numbers, np.nan)
        there = ~np.isnan(numbers)
        groups = mdav(_standard(numbers, there), k=self.k, most_rows=self.block)
        out = np.full_like(numbers, np.nan)
        for place, (column, here) in enumerate(zip(numbers.T, there.T, strict=True)):
            counts = np.bincount(groups[here], minlength=groups.max() + 1)
            sums = np.bincount(groups[here], weights=column[here], minlength=len(counts))
            out[here, place] = (sums / np.maximum(counts, 1))[groups[here]]
        return out

    def describe(self) -> str:
        return f"averaged over at least {self.k} rows"


def _standard(numbers: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Columns of mean 0 and standard deviation 1; missing cells at 0."""
    counts = np.maximum(there.sum(axis=0), 1)
    centred = np.where(there, numbers - np.where(there, numbers, 0).sum(axis=0) / counts, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / counts)
    return np.asarray(centred / np.where(spread > 0, spread, 1.0))


OPERATOR = Microaggregate
