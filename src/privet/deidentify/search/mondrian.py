"""Mondrian: local recoding, in which each class of rows gets ranges of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Model, all_meet, cells_of, searchable
from privet.deidentify.codes import Column, encode
from privet.deidentify.models.k_anonymity import KAnonymity

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Classes of at least k rows and the range of each column in each.

    Shapes: ``of_row`` numbers the class of each row; ``low`` and ``high`` have a row for each column and an entry for
    each class, in codes of ``labels``.
    """

    columns: tuple[str, ...]
    of_row: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    labels: tuple[tuple[Any, ...], ...]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of each class."""
        return np.bincount(self.of_row, minlength=self.low.shape[1]).astype(np.int64)

    @property
    def loss(self) -> float:
        """Mean over cells of the range of the class as a share of the range of the column (LeFevre et al. 2006)."""
        if not len(self.of_row):
            return 0.0
        spans = (self.high - self.low).astype(np.float64)
        widest = np.array([max(1, len(labels) - 1) for labels in self.labels], dtype=np.float64)
        return float(((spans / widest[:, None]).mean(axis=0) * self.sizes).sum() / len(self.of_row))

    def words(self, column: str) -> NDArray[Any]:
        """What each row shows in a column: the one value of its class, or the first and last."""
        at = self.columns.index(column)
        names = self.labels[at]
        made = np.empty(self.low.shape[1], dtype=object)
        made[:] = [names[low] if low == high else f"{_word(names[low])}..{_word(names[high])}"
                   for low, high in zip(self.low[at], self.high[at], strict=True)]  # fmt: skip
        return made[self.of_row]


def mondrian(
    table: Any, *, columns: Sequence[str], k: int, models: Sequence[Model] = (), sensitive: str | None = None
) -> Partition:
    """Split the rows again and again at a median, as long as both halves keep k rows and meet every model.

    Guarantee: what ``words`` shows is k-anonymous in the columns named, and each class meets the models, which judge
    what it holds of the ``sensitive`` column beside the whole table. It is no optimum. Where the cuts lie depends on
    the data. All parts of a generation are split at once: the widest column of each is tried first, then the next. The
    medians of all come from one sort of part and value in one number; rows then move to their half by counting, without
    a sort.
    Errors: InvalidParameter if a column is missing, or the whole table as one class does not do.
    Reference: LeFevre, DeWitt & Ramakrishnan 2006 (strict multidimensional partitioning, median cuts).

    >>> found = mondrian({"age": [20, 21, 60, 61]}, columns=["age"], k=2)
    >>> found.words("age").tolist()
    ['20..21', '20..21', '60..61', '60..61']
    """
    KAnonymity(k)
    held = searchable(models)
    if sensitive in columns:
        raise InvalidParameter(f"column {sensitive!r} is named as sensitive and as a quasi-identifier; choose one")
    coded = encode(table, columns=[*columns, *([sensitive] if sensitive is not None else [])]).each_row()
    chosen = coded.chosen(list(columns))
    if 0 < coded.rows < k:
        raise InvalidParameter(f"the table has {coded.rows} rows; fewer than k = {k} cannot be hidden among each other")
    judge = _Judge(held, coded.columns[sensitive] if sensitive is not None else None)
    if coded.rows and not judge.all_meet(np.arange(coded.rows), np.array([0]), np.array([coded.rows]))[0]:
        raise InvalidParameter("the table as a whole does not meet the models, so no part of it can be sure to")
    kind = np.result_type(*[column.codes.dtype for column in chosen])
    growth = _Growth(np.stack([column.codes.astype(kind) for column in chosen]), k, judge)
    growth.run()
    return Partition(tuple(columns), growth.of_row, *growth.ranges(), tuple(column.labels for column in chosen))


def _word(label: Any) -> str:
    return "missing" if label is None else str(label)


class _Judge:
    """Holds parts of the rows against models of what they have of a sensitive column."""

    def __init__(self, models: Sequence[Model], secret: Column | None) -> None:
        self.models, self._secret = models, secret

    def all_meet(self, rows: Array, part: Array, sizes: Array) -> Array:
        """Whether each of some parts does; ``rows`` are all of their rows, ``part`` says whose each is if not one's."""
        made = np.ones(len(sizes), dtype=bool)
        if not self.models or not len(rows):
            return made
        key = part if len(part) == len(rows) else np.repeat(part, sizes)
        if self._secret is None:
            return all_meet(self.models, Classes(sizes))
        overall = np.bincount(self._secret.codes, minlength=self._secret.levels) / len(self._secret.codes)
        classes = cells_of(key, len(sizes), sensitive=self._secret.take(rows))
        cells = replace(classes.cells(), overall=overall)
        # A part without rows has no class; it is not asked about.
        made[np.unique(key)] = all_meet(self.models, Classes(classes.sizes, cells))
        return made


class _Growth:
    """Rows of parts that may still be split, lying part by part, and the classes that are done."""

    def __init__(self, values: Array, k: int, judge: _Judge) -> None:
        self._values, self._k, self._judge = values, k, judge
        self._widest = np.maximum(1, values.max(axis=1, initial=0).astype(np.int64))
        self._rows = np.arange(values.shape[1])
        self._starts = np.zeros(1 if values.shape[1] else 0, dtype=np.int64)
        self.of_row = np.zeros(values.shape[1], dtype=np.int64)
        self._low: list[Array] = []
        self._high: list[Array] = []
        self._done = 0

    def ranges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        nothing = [np.zeros((len(self._values), 0), dtype=np.int64)]
        return (np.concatenate(self._low or nothing, axis=1).astype(np.int64),
                np.concatenate(self._high or nothing, axis=1).astype(np.int64))  # fmt: skip

    def run(self) -> None:
        while len(self._starts):
            sizes = np.diff(self._starts, append=len(self._rows))
            low = np.stack([np.minimum.reduceat(column, self._starts) for column in self._values])
            high = np.stack([np.maximum.reduceat(column, self._starts) for column in self._values])
            column, limit, left = self._cuts(sizes, low, high)
            self._finish(left == 0, sizes, low, high)
            self._split(sizes, column, limit, left)

    def _cuts(self, sizes: Array, low: Array, high: Array) -> tuple[Array, Array, Array]:
        """For each part the column to cut, the first value of the right half, and the rows of the left (0: no cut)."""
        spans = (high - low) / self._widest[:, None]
        order = np.argsort(-spans, axis=0, kind="stable")
        parts = len(sizes)
        column, limit, left = np.zeros(parts, np.int64), np.zeros(parts, np.int64), np.zeros(parts, np.int64)
        for tried in order:
            todo = np.flatnonzero((left == 0) & (sizes >= 2 * self._k) & (spans[tried, np.arange(parts)] > 0))
            if not len(todo):
                break
            found, rows = self._medians(todo, tried[todo], sizes[todo])
            good = rows > 0
            column[todo[good]], limit[todo[good]], left[todo[good]] = tried[todo[good]], found[good], rows[good]
        return column, limit, left

    def _medians(self, todo: Array, column: Array, sizes: Array) -> tuple[Array, Array]:
        """Where to cut each part in its column: below its median, or if that leaves too few on a side, above it."""
        values = self._of(todo, column, sizes)
        part = np.repeat(np.arange(len(todo), dtype=np.uint64), sizes)
        bits = int(self._widest.max()).bit_length()
        narrow = len(todo).bit_length() + bits <= 32
        key = ((part << np.uint64(bits)) | values.astype(np.uint64)).astype(np.uint32 if narrow else np.uint64)
        key.sort()
        starts = np.cumsum(sizes) - sizes
        median = (key[starts + sizes // 2] & key.dtype.type((1 << bits) - 1)).astype(np.int64)
        whole = (np.arange(len(todo), dtype=np.uint64) << np.uint64(bits)).astype(key.dtype)
        below = np.searchsorted(key, whole | median.astype(key.dtype)) - starts
        upto = np.searchsorted(key, whole | median.astype(key.dtype), side="right") - starts
        first, second = (self._allowed(todo, values, sizes, limit, rows) for limit, rows in
                         ((median, below), (median + 1, upto)))  # fmt: skip
        return np.where(first, median, median + 1), np.where(first, below, np.where(second, upto, 0))

    def _allowed(self, todo: Array, values: Array, sizes: Array, limit: Array, rows: Array) -> Array:
        """Whether both halves of each part are large enough and meet the models, if values below a limit go left."""
        good: Array = (rows >= self._k) & (sizes - rows >= self._k)
        if self._judge.models and good.any():
            asked = np.repeat(good, sizes)
            number = np.repeat(np.cumsum(good) - 1, sizes)[asked]
            half = 2 * number + (values >= np.repeat(limit, sizes))[asked]
            halves = np.stack([rows[good], (sizes - rows)[good]], axis=1).reshape(-1)
            met = self._judge.all_meet(self._rows[self._places(todo, sizes)][asked], half, halves)
            good[good] = met.reshape(-1, 2).all(axis=1)
        return good

    def _of(self, todo: Array, column: Array, sizes: Array) -> Array:
        """The values of the rows of some parts, each part in a column of its own."""
        at = self._places(todo, sizes) + np.repeat(column * self._values.shape[1], sizes)
        made: Array = self._values.reshape(-1)[at]
        return made

    def _places(self, todo: Array, sizes: Array) -> Array:
        """Where the rows of some parts lie."""
        if len(todo) == len(self._starts):
            return np.arange(len(self._rows))
        made: Array = np.arange(int(sizes.sum())) + np.repeat(self._starts[todo] - (np.cumsum(sizes) - sizes), sizes)
        return made

    def _finish(self, done: Array, sizes: Array, low: Array, high: Array) -> None:
        numbers = self._done + np.cumsum(done) - 1
        inside = np.repeat(done, sizes)
        self.of_row[self._rows[inside]] = np.repeat(numbers[done], sizes[done])
        self._low.append(low[:, done])
        self._high.append(high[:, done])
        self._done += int(done.sum())

    def _split(self, sizes: Array, column: Array, limit: Array, left: Array) -> None:
        """Rows of the parts that are cut, left half first; each row's new place is counted and not sorted for."""
        cut = np.flatnonzero(left)
        sizes_cut, left_cut = sizes[cut], left[cut]
        goes = self._of(cut, column[cut], sizes_cut) < np.repeat(limit[cut], sizes_cut)
        starts = np.cumsum(sizes_cut) - sizes_cut
        passed: Array = np.cumsum(goes) - goes
        lefts: Array = passed - np.repeat(passed[starts] if len(starts) else passed, sizes_cut)
        here = np.arange(len(goes))
        begin = np.repeat(starts, sizes_cut)
        place = np.where(goes, begin + lefts, begin + np.repeat(left_cut, sizes_cut) + (here - begin - lefts))
        order = np.empty(len(goes), dtype=np.int64)
        order[place] = here if len(cut) == len(sizes) else np.flatnonzero(np.repeat(left > 0, sizes))
        self._values, self._rows = np.stack([row[order] for row in self._values]), self._rows[order]
        self._starts = np.stack([starts, starts + left_cut], axis=1).reshape(-1)
