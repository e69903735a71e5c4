"""Minimal sample uniques: the smallest sets of columns that make a row unique. The fewer and smaller, the riskier."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import alone, packed
from privet.deidentify.codes import Coded, encode

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SpecialUniques:
    """``rows`` holds, for each set of columns, the numbers of the rows that it is minimal for; empty ones left out.

    ``scores`` has a figure for each row: the sum, over its minimal sets of s of m columns, of (m - s) ... (m - M), with
    M the largest size looked for: the share of all supersets that are unique because of it, up to a factor.
    """

    rows: dict[Columns, NDArray[np.int64]]
    scores: NDArray[np.float64]

    @property
    def special(self) -> int:
        """How many rows have a minimal set at all."""
        return int((self.scores > 0).sum())


def special_uniques(table: Any, *, columns: Sequence[str], largest: int = 3) -> SpecialUniques:
    """Find every minimal sample unique of at most ``largest`` columns.

    Level by level: what makes a row unique does so with any column more, so a set is minimal for a row if the row is
    unique in it and in none of its parts of one column less; rows unique in a part need not be counted again, for their
    keys are their own.
    Errors: InvalidParameter if a column is not there, or ``largest`` is not between 1 and the number of columns.
    Reference: Elliot, Manning & Ford 2002 (scores); Manning, Haglund & Keane 2008 (SUDA2, the definition).

    >>> found = special_uniques({"age": [30, 30, 40], "sex": ["f", "m", "m"]}, columns=["age", "sex"], largest=2)
    >>> {name: rows.tolist() for name, rows in found.rows.items()}
    {('age',): [2], ('sex',): [0], ('age', 'sex'): [1]}
    """
    names = tuple(columns)
    if not 1 <= largest <= len(names):
        raise InvalidParameter(f"largest is {largest}; give 1 to {len(names)}, the number of columns")
    coded = encode(table, columns=names)
    coded.chosen(names)
    scores, minimal = np.zeros(coded.entries), {}
    below: dict[Columns, NDArray[np.int64]] = {(): np.zeros(0, dtype=np.int64)}
    for size in range(1, largest + 1):
        weight = _weight(size, columns=len(names), largest=largest)
        here: dict[Columns, NDArray[np.int64]] = {}
        for chosen in itertools.combinations(names, size):
            known = np.unique(np.concatenate([below[part] for part in itertools.combinations(chosen, size - 1)]))
            new = _newly_unique(coded, chosen, known)
            here[chosen] = np.concatenate([known, new])
            scores[new] += weight
            if len(new):
                minimal[chosen] = new
        below = here
    return SpecialUniques(minimal, scores)


def _newly_unique(coded: Coded, chosen: Columns, known: NDArray[np.int64]) -> NDArray[np.int64]:
    left = np.ones(coded.entries, dtype=bool)
    left[known] = False
    rows = np.flatnonzero(left)
    key, _ = packed([column.take(rows) for column in coded.chosen(chosen)])
    return np.sort(rows[alone(key, None if coded.counts is None else coded.counts[rows])])


def _weight(size: int, *, columns: int, largest: int) -> float:
    """The product of (m - i) for i from s to M; a factor of zero, where M is m, is left out."""
    return float(np.prod([columns - i for i in range(size, largest + 1) if i < columns]))
