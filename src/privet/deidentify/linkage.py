"""A linkage attack, carried out: rows of a file with names are matched with rows of one without."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import alone, packed
from privet.deidentify.codes import Coded, Column, aligned, encode


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """What the attacker claims: ``pairs`` of a known row and a released row.

    ``right`` counts the claims that are true, if a column told the truth. Shapes: ``pairs`` has two columns of row
    numbers; of a table of combinations, numbers of its entries, each of one row.
    """

    pairs: NDArray[np.int64]
    known_rows: int
    released_rows: int
    right: int | None

    @property
    def precision(self) -> float | None:
        """The share of claims that are right."""
        return None if self.right is None or not len(self.pairs) else self.right / len(self.pairs)

    @property
    def reidentified(self) -> float | None:
        """The share of the released rows whose person was found."""
        return None if self.right is None else self.right / max(1, self.released_rows)

    def to_json(self) -> dict[str, Any]:
        return {
            "known_rows": self.known_rows,
            "released_rows": self.released_rows,
            "claims": len(self.pairs),
            "right": self.right,
            "precision": self.precision,
            "reidentified": self.reidentified,
        }


def link(known: Any, released: Any, *, on: Sequence[str], truth: str | None = None, tolerate: int = 0) -> Linkage:
    """Match the two files on the columns that both have, and claim a pair where it is unique in both.

    Guarantee: none, in the other direction: it shows what one simple attacker reaches; a better one reaches more.
    Both files must be generalised alike (the attacker can do to theirs what was done to the released one). ``tolerate``
    so many columns in which the two may differ (misspelt, out of date): after the exact matches, what is left is
    matched on all but one, then all but two. ``truth`` is a column of both that says who is who; it only keeps the
    score.
    Errors: InvalidParameter if a column is missing, or fewer than one would be left to match on.

    >>> names = {"name": ["Ada", "Bo"], "born": [1970, 1980]}
    >>> link(names, {"born": [1980, 1980, 1970], "ill": ["y", "n", "y"]}, on=["born"]).pairs.tolist()
    [[0, 2]]
    """
    columns = list(on)
    if not 0 <= tolerate < max(1, len(columns)):
        raise InvalidParameter(f"tolerate is {tolerate}; with {len(columns)} columns give 0 to {len(columns) - 1}")
    wanted = [*columns, truth] if truth is not None else columns
    one, two = aligned(encode(known, columns=wanted), encode(released, columns=wanted), columns=wanted)
    free_one, free_two = np.arange(one.entries), np.arange(two.entries)
    found = [np.zeros((0, 2), dtype=np.int64)]
    for chosen in _sets(columns, tolerate):
        pairs = _unique_in_both(one, two, chosen, free_one, free_two)
        found.append(pairs)
        free_one, free_two = np.setdiff1d(free_one, pairs[:, 0]), np.setdiff1d(free_two, pairs[:, 1])
    claims = np.concatenate(found)
    right = None if truth is None else _right(one.columns[truth], two.columns[truth], claims)
    return Linkage(claims, one.rows, two.rows, right)


def _sets(columns: list[str], tolerate: int) -> list[tuple[str, ...]]:
    sizes = range(len(columns), len(columns) - tolerate - 1, -1)
    return [chosen for size in sizes for chosen in itertools.combinations(columns, size)]


def _unique_in_both(
    one: Coded, two: Coded, chosen: tuple[str, ...], free_one: NDArray[np.int64], free_two: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Unique in the whole of both files: a row that others look like is not claimed because they are taken."""
    joined = [Column(np.concatenate([one.columns[n].codes, two.columns[n].codes]), one.columns[n].labels)
              for n in chosen]  # fmt: skip
    key, _ = packed(joined)
    first, at_one = _alone(key[: one.entries], one.counts)
    second, at_two = _alone(key[one.entries :], two.counts)
    _, left, right = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    pairs = np.stack([at_one[left], at_two[right]], axis=1)
    return pairs[np.isin(pairs[:, 0], free_one) & np.isin(pairs[:, 1], free_two)]


def _alone(key: NDArray[Any], counts: NDArray[np.int64] | None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    at = alone(key, counts)
    return key[at], at


def _right(one: Column, two: Column, pairs: NDArray[np.int64]) -> int:
    return int((one.codes[pairs[:, 0]] == two.codes[pairs[:, 1]]).sum())
