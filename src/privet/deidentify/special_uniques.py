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


def intrusion_scores(
    scores: NDArray[np.float64], *, sizes: NDArray[np.int64], sampled: float, columns: int
) -> NDArray[np.float64]:
    """DIS-SUDA: the chance that a match with each row is right, for a sample of a share ``sampled`` of a population.

    Of the whole file, Skinner & Elliot: a row that is unique in the sample, when one like it is taken from the
    population at random, is the right match with chance DIS = U pi / (U pi + P (1 - pi)), with U unique rows and P rows
    in pairs. It is shared out by the scores S: 1 / (1 + (U / DIS - U) / (S^q sum of S^-q)), q = 1 + (8 - m) / 20, which
    is how SUDA2 and sdcMicro do it; rows that are not special have none.
    Guarantee: none; an estimate, whose q is a rule of thumb.
    Errors: InvalidParameter if ``sampled`` is no share above 0.
    Reference: Skinner & Elliot 2002 (DIS); Elliot 2002 (by row).

    >>> intrusion_scores(np.array([6.0, 0.0, 0.0]), sizes=np.array([1, 2]), sampled=0.5, columns=3).round(3).tolist()
    [0.333, 0.0, 0.0]
    """
    if not 0 < sampled <= 1:
        raise InvalidParameter(f"sampled is {sampled}; give the share of the population that was sampled, up to 1")
    made = np.zeros(len(scores))
    special = scores > 0
    alone_, paired = int((sizes == 1).sum()), 2 * int((sizes == 2).sum())
    if not special.any():
        return made
    raised = scores[special] ** (1 + (8 - columns) / 20)
    # U / DIS - U, written without DIS, which is 0 / 0 where U is none.
    spread = paired * (1 - sampled) / sampled
    made[special] = 1 / (1 + spread / (raised * (1 / raised).sum())) if alone_ else 0.0
    return made


def _newly_unique(coded: Coded, chosen: Columns, known: NDArray[np.int64]) -> NDArray[np.int64]:
    left = np.ones(coded.entries, dtype=bool)
    left[known] = False
    rows = np.flatnonzero(left)
    key, _ = packed([column.take(rows) for column in coded.chosen(chosen)])
    return np.sort(rows[alone(key, None if coded.counts is None else coded.counts[rows])])


def _weight(size: int, *, columns: int, largest: int) -> float:
    """The product of (m - i) for i from s to M; a factor of zero, where M is m, is left out."""
    return float(np.prod([columns - i for i in range(size, largest + 1) if i < columns]))
