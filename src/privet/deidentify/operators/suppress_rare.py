"""Blank as few cells as need be, so that no combination of some columns is rare: local suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.operator import Traits

# Every set of columns may have to be tried.
_MOST_COLUMNS = 12

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SuppressRare:
    """Cells of rows whose combination fewer than ``k`` rows share become missing, the last columns first.

    Guarantee: afterwards every combination of the columns, missing counted as a value of its own, is shared by at least
    ``k`` rows; of a table of fewer rows nothing is left in them. Rows are blanked in as few columns as puts them among
    ``k`` others that are blanked alike; that is greedy and need not be the least number of cells. Name the columns in
    the order of their worth. With ``blank``, only these columns lose cells: rows that are rare by the others alone stay
    rare, and are blanked in all of ``blank``.
    Reference: Willenborg & de Waal 2001, section 2.4 (local suppression).
    """

    k: int
    blank: tuple[str, ...] = ()

    traits: ClassVar[Traits] = Traits(gives="same", looks_at="column")

    def __post_init__(self) -> None:
        if not 2 <= self.k <= 100_000:
            raise InvalidParameter(f"k is {self.k}; give 2 to 100000 rows")
        if isinstance(self.blank, str) or not all(isinstance(name, str) for name in self.blank):
            raise InvalidParameter('blank must be a list of columns: blank = ["NAME", ...]')
        object.__setattr__(self, "blank", tuple(self.blank))

    def apply_together(self, frame: Any, *, key: bytes) -> Any:
        import pandas

        if len(frame.columns) > _MOST_COLUMNS:
            raise InvalidParameter(
                f"suppress_rare treats {len(frame.columns)} columns together; give at most {_MOST_COLUMNS}"
            )
        codes = np.column_stack([pandas.factorize(frame[name])[0] for name in frame.columns])
        chosen = [place for place, name in enumerate(frame.columns) if not self.blank or name in self.blank]
        blank = blanked(codes, k=self.k, only=chosen)
        return frame.assign(**{name: frame[name].mask(blank[:, place]) for place, name in enumerate(frame.columns)})

    def describe(self) -> str:
        where = f" in {', '.join(self.blank)}" if self.blank else ""
        return f"blanked{where} where fewer than {self.k} rows share a combination"


def blanked(codes: Codes, *, k: int, only: Sequence[int] | None = None) -> NDArray[np.bool_]:
    """Which cells to blank, in the columns of the places ``only`` or in all.

    Shapes: ``codes`` is (rows, columns), -1 where a cell is missing, as it is once blanked.
    """
    rows, columns = codes.shape
    places = range(columns) if only is None else sorted(only)
    blank = np.zeros((rows, columns), dtype=np.bool_)
    rare = np.flatnonzero(sizes_of(codes) < k)
    for count in range(1, len(places) + 1):
        # The last columns are worth least, so they come first.
        for chosen in combinations(reversed(places), count):
            if len(rare):
                left = codes[rare]
                left[:, chosen] = -1
                found = sizes_of(left) >= k
                blank[np.ix_(rare[found], np.array(chosen))] = True
                rare = rare[~found]
    if len(places) < columns:
        # No blank cell helps them further; what can be taken is taken.
        blank[np.ix_(rare, np.array(places))] = True
        return blank
    return _with_the_last(codes, blank, rare, k=k)


def _with_the_last(codes: Codes, blank: NDArray[np.bool_], rare: Codes, *, k: int) -> NDArray[np.bool_]:
    """Fewer than k rows are left alone: whole small classes join them until they are enough, all of them blank."""
    blank[rare] = True
    while len(rare):
        now = np.where(blank, -1, codes)
        sizes, others = sizes_of(now), np.flatnonzero((now != -1).any(axis=1))
        if len(others) == 0 or sizes[rare[0]] >= k:
            break
        smallest = others[np.argmin(sizes[others])]
        blank[(now == now[smallest]).all(axis=1)] = True
    return blank


def sizes_of(codes: Codes) -> Codes:
    """How many rows have the same codes as each."""
    if len(codes) == 0:
        return np.zeros(0, dtype=np.int64)
    packed = np.zeros(len(codes), dtype=np.int64)
    for column in codes.T:
        # Numbered anew after every column, so that no product overflows.
        packed = np.unique(packed * (column.max() + 2) + column + 1, return_inverse=True)[1].astype(np.int64)
    return np.bincount(packed)[packed]


OPERATOR = SuppressRare
