"""Which few columns single people out: screened on a sample with a stated confidence, then counted exactly."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import count, packed
from privet.deidentify.codes import Coded, encode
from privet.deidentify.risk import Combination

SAMPLES = (10_000, 100_000)
# A set of columns is not worth naming beside a part of it that is nearly as bad.
_NEARLY = 1.05

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """The worst combinations, worst first, their shares exact.

    ``complete`` says that with chance ``confidence`` over the sample no other combination belongs in front of the last
    one (surely, where no sample was needed); without it the limit of exact counts was reached first.
    """

    combinations: tuple[Combination, ...]
    columns: Columns
    looked_at: int
    counted: int
    confidence: float
    complete: bool

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def discover(
    table: Any,
    *,
    columns: Sequence[str] | None = None,
    largest: int = 4,
    worst: int = 10,
    confidence: float = 0.999,
    most_counts: int = 500,
    samples: Sequence[int] = SAMPLES,
) -> Discovery:
    """Rank the combinations of up to ``largest`` columns by the share of rows that each makes unique.

    A row that is unique in the table is unique in each sample that holds it. So the share of unique rows of a sample
    bounds that of the table from above, up to chance: for a sample of s rows drawn without replacement, with c unique
    in it, a share p of the table has P(no more than c) <= exp(-s KL(c / s, p)) (Hoeffding 1963, Theorems 1 and 4); the
    largest p that this does not rule out, with the error shared among all bounds, is the bound. Combinations are then
    taken by their bound, and counted exactly when they come first. One that is no more than 5 % worse than a part of it
    is left out for the part.
    Errors: InvalidParameter if a column is not there or a setting cannot be.

    >>> table = {"born": list(range(50)), "sex": ["f", "m"] * 25}
    >>> [(found.columns, found.unique_share) for found in discover(table).combinations]
    [(('born',), 1.0)]
    """
    if largest < 1 or worst < 1 or most_counts < 1 or not 0 < confidence < 1:
        raise InvalidParameter("largest, worst and most_counts must be at least 1, and confidence between 0 and 1")
    coded = encode(table, columns=columns)
    names = tuple(columns if columns is not None else coded.columns)
    coded.chosen(names)
    sets = [found for size in range(1, largest + 1) for found in itertools.combinations(names, size)]
    if not coded.rows:
        return Discovery((), names, len(sets), 0, confidence, True)
    stages = [size for size in sorted(samples) if size * 2 <= coded.rows]
    search = _Search(coded, stages, (1 - confidence) / max(1, len(sets) * len(stages)))
    found, complete = search.ranked(sets, worst=worst, most_counts=most_counts)
    return Discovery(tuple(found), names, len(sets), len(search.exact), confidence, complete)


def upper_bound(seen: int, *, of: int, error: float) -> float:
    """The largest share p with exp(-s KL(seen / s, p)) >= error, by bisection."""
    rate, allowed = seen / of, -math.log(error) / of
    low, high = rate, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _divergence(rate, middle) <= allowed else (low, middle)
    return high


class _Search:
    """Best first: bounds of ever larger samples, then the exact share. ``exact`` remembers what was counted."""

    def __init__(self, coded: Coded, stages: list[int], error: float) -> None:
        self._coded, self._error = coded, error
        self._samples = [coded.take(_some(coded.rows, size)) for size in stages]
        self.exact: dict[Columns, float] = {}

    def ranked(self, sets: list[Columns], *, worst: int, most_counts: int) -> tuple[list[Combination], bool]:
        queue = [(-self._bound(columns, 0), 0, columns) for columns in sets]
        heapq.heapify(queue)
        found: list[Combination] = []
        while queue and len(found) < worst:
            bound, stage, columns = heapq.heappop(queue)
            if bound == 0 or any(_covers(other, columns, -bound) for other in found):
                continue
            if stage < len(self._samples):
                if stage + 1 == len(self._samples) and len(self.exact) >= most_counts:
                    return found, False
                heapq.heappush(queue, (-self._bound(columns, stage + 1), stage + 1, columns))
                continue
            smallest = _smallest_as_bad(columns, self._share)
            if all(other.columns != smallest for other in found):
                found.append(Combination(smallest, self._share(smallest)))
        return sorted(found, key=lambda item: (-item.unique_share, len(item.columns))), True

    def _bound(self, columns: Columns, stage: int) -> float:
        if stage == len(self._samples):
            return self._share(columns)
        sample = self._samples[stage]
        return upper_bound(_unique(sample, columns), of=sample.rows, error=self._error)

    def _share(self, columns: Columns) -> float:
        if columns not in self.exact:
            self.exact[columns] = _unique(self._coded, columns) / self._coded.rows
        return self.exact[columns]


def _unique(coded: Coded, columns: Columns) -> int:
    return int((count(*packed(coded.chosen(columns)), counts=coded.counts)[1] == 1).sum())


def _covers(other: Combination, columns: Columns, share: float) -> bool:
    return set(other.columns) <= set(columns) and other.unique_share * _NEARLY >= share


def _smallest_as_bad(columns: Columns, share: Callable[[Columns], float]) -> Columns:
    """Columns are left out one by one, while what remains is nearly as bad as all were."""
    wanted = share(columns) / _NEARLY
    while len(columns) > 1:
        part = max(itertools.combinations(columns, len(columns) - 1), key=share)
        if share(part) < wanted:
            break
        columns = part
    return columns


def _some(rows: int, size: int) -> NDArray[np.int64]:
    """About ``size`` different rows by the system's chance: distinct ones of so many draws are a uniform sample."""
    drawn = np.frombuffer(os.urandom(8 * size), dtype=np.uint64) % np.uint64(rows)
    return np.unique(drawn.astype(np.int64))


def _divergence(a: float, b: float) -> float:
    """KL divergence of coins of chance a and b."""
    heads = a * math.log(a / b) if a > 0 else 0.0
    tails = (1 - a) * math.log((1 - a) / (1 - b)) if a < 1 and b < 1 else (math.inf if a < 1 else 0.0)
    return heads + tails
