"""Equivalence classes: rows that look alike in the quasi-identifiers, counted by one packed key and one sort."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.codes import Coded, Column, aligned, encode

# What joined classes do to a model: the whole meets it wherever one part does ("larger"), or wherever all do ("union").
Joins = Literal["larger", "union"]

# A key of so few possible values for each row is counted by a table instead of being sorted.
_FEW = 2
# So many rows are packed at a time: what lies between stays in the cache.
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """How often each sensitive value is in each class; only what occurs. Sorted by class, then by value.

    Shapes: ``of_class``, ``value`` and ``count`` have one entry a cell; ``starts`` says where each class begins;
    ``overall`` is the share of each value in the whole table.
    """

    of_class: NDArray[np.int64]
    value: NDArray[np.int64]
    count: NDArray[np.int64]
    starts: NDArray[np.int64]
    overall: NDArray[np.float64]
    labels: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """The classes of a table: their sizes, and if a sensitive column was named what it holds in each."""

    sizes: NDArray[np.int64]
    sensitive: Cells | None = None

    @property
    def rows(self) -> int:
        return int(self.sizes.sum())

    def cells(self) -> Cells:
        """Counts of the sensitive values. Errors: InvalidParameter if no sensitive column was named."""
        if self.sensitive is None:
            raise InvalidParameter("this model needs a sensitive column; name it: sensitive=...")
        return self.sensitive


class Model(Protocol):
    """A model that says of each class by itself whether it is anonymous enough; searches need to know how it joins."""

    joins: ClassVar[Any]

    def meets(self, classes: Classes) -> NDArray[np.bool_]: ...


def all_meet(models: Sequence[Model], classes: Classes) -> NDArray[np.bool_]:
    """Whether each class meets every model."""
    met = np.ones(len(classes.sizes), dtype=bool)
    for model in models:
        met &= model.meets(classes)
    return met


def searchable(models: Sequence[Any]) -> tuple[Model, ...]:
    """The models, if a search can hold them. Errors: InvalidParameter if one does not judge classes by themselves."""
    for model in models:
        if getattr(model, "joins", None) not in ("larger", "union"):
            raise InvalidParameter(
                f"{type(model).__name__} does not judge a class by itself, so no search can hold it; check its result"
            )
    return tuple(models)


def classes_of(table: Any, *, quasi_identifiers: Sequence[str], sensitive: str | None = None) -> Classes:
    """Group the rows of a table (or of one that ``encode`` made) by their quasi-identifiers.

    Shapes: classes come in the order of their codes.
    Errors: InvalidParameter if no column is named, one is not there, or the sensitive one is a quasi-identifier too.

    >>> found = classes_of({"age": [30, 30, 40], "ill": ["yes", "no", "no"]}, quasi_identifiers=["age"])
    >>> found.sizes.tolist()
    [2, 1]
    """
    names = list(quasi_identifiers)
    if sensitive is not None and sensitive in names:
        raise InvalidParameter(f"column {sensitive!r} is named as sensitive and as a quasi-identifier; choose one")
    coded = encode(table, columns=None if isinstance(table, Coded) else _wanted(names, sensitive))
    keys = coded.chosen(names)
    if sensitive is None:
        return Classes(count(*packed(keys), counts=coded.counts, spare=True)[1])
    secret = coded.chosen([sensitive])[0]
    return _with_cells(*packed([*keys, secret]), secret, coded.counts)


def class_of_each_row(table: Any, *, quasi_identifiers: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row (or entry of a coded table) the number of its class, and the size of each class."""
    coded = encode(table, columns=None if isinstance(table, Coded) else list(quasi_identifiers))
    key, _ = packed(coded.chosen(list(quasi_identifiers)))
    values, numbers = np.unique(key, return_inverse=True)
    return numbers.astype(np.int64), _tallied(numbers, len(values), coded.counts)


def sizes_in_both(
    first: Any, second: Any, *, quasi_identifiers: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Size of each class of either table in the first and in the second, in one order."""
    names = list(quasi_identifiers)
    one, two = aligned(encode(first, columns=names), encode(second, columns=names), columns=names)
    key, _ = packed([Column(np.concatenate([one.columns[n].codes, two.columns[n].codes]), one.columns[n].labels)
                     for n in names])  # fmt: skip
    values, numbers = np.unique(key, return_inverse=True)
    return (
        _tallied(numbers[: one.entries], len(values), one.counts),
        _tallied(numbers[one.entries :], len(values), two.counts),
    )


def packed(columns: Sequence[Column]) -> tuple[NDArray[Any], int]:
    """One number for each row, the same where all columns are; and how many numbers there may be.

    The first column counts most, so sorting the key sorts the rows. Re-coded when the key would overflow.
    """
    levels = math.prod(max(1, column.levels) for column in columns)
    if levels >= 2**63:
        return _packed_anew(columns)
    kind = np.dtype(np.uint32 if levels < 2**32 else np.int64)
    key = np.empty(len(columns[0].codes), dtype=kind)
    for start in range(0, len(key), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = columns[0].codes[part].astype(kind)
        for column in columns[1:]:
            block *= kind.type(column.levels)
            block += column.codes[part].astype(kind)
        key[part] = block
    return key, levels


def _packed_anew(columns: Sequence[Column]) -> tuple[NDArray[Any], int]:
    """Column by column; what would overflow is numbered again by what occurs."""
    levels, key = 1, np.zeros(len(columns[0].codes), dtype=np.int64)
    for column in columns:
        if levels * column.levels >= 2**63:
            key, levels = _recoded(key)
        levels *= max(1, column.levels)
        key = key * column.levels + column.codes
    return key, levels


def count(
    key: NDArray[Any], levels: int, *, counts: NDArray[np.int64] | None = None, spare: bool = False
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The distinct values of a key in order, and how often each occurs; an entry counts as often as ``counts`` says.

    A ``spare`` key is sorted where it lies: a large table's new memory costs more than its sort.
    """
    if not len(key):
        return key, np.zeros(0, dtype=np.int64)
    if levels <= _FEW * len(key):
        times = _tallied(key.astype(np.intp, copy=False), levels, counts)
        there = np.flatnonzero(times)
        return there, times[there]
    if counts is not None:
        ordered, order = _sorted(key, levels)
        starts = np.flatnonzero(_changes(ordered, at_end=False))
        return ordered[starts], np.add.reduceat(counts[order], starts)
    ordered = key if spare else key.copy()
    ordered.sort()
    ends = np.flatnonzero(_changes(ordered, at_end=True))
    return ordered[ends], np.diff(ends, prepend=-1)


def _changes(ordered: NDArray[Any], *, at_end: bool) -> NDArray[np.bool_]:
    """Where a run of equal values ends, or begins."""
    made = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=made[:-1] if at_end else made[1:])
    return made


def _sorted(key: NDArray[Any], levels: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The key in order, and where each of its entries was."""
    bits = max(1, (len(key) - 1).bit_length())
    if levels >= 2 ** (63 - bits):
        order = np.argsort(key, kind="stable")
        return key[order], order
    # Place and key are sorted in one number: that is three times as fast as finding out an order.
    both = np.sort((key.astype(np.int64) << bits) | np.arange(len(key)))
    return both >> bits, both & ((1 << bits) - 1)


def alone(key: NDArray[Any], counts: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Where the keys are that one row alone has, in the order of the keys."""
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    found: NDArray[np.int64] = first[times == 1].astype(np.int64)
    return found if counts is None else found[counts[found] == 1]


def _tallied(key: NDArray[Any], levels: int, counts: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """How many rows have each key; sums of counts are exact in floats up to 2^53 rows."""
    made: NDArray[np.int64] = np.bincount(key, weights=counts, minlength=levels).astype(np.int64)
    return made


def cells_of(key: NDArray[Any], levels: int, *, sensitive: Column, counts: NDArray[np.int64] | None = None) -> Classes:
    """Classes of equal keys, and what each holds of a sensitive column."""
    # The sensitive code is packed last: cells of one class lie together, and a division takes the class back out.
    many = max(1, sensitive.levels)
    if levels * many >= 2**63:
        key, levels = _recoded(key)
    if levels * many >= 2**32 and key.dtype != np.int64:
        key = key.astype(np.int64)
    both = key * key.dtype.type(many) + sensitive.codes.astype(key.dtype)
    return _with_cells(both, levels * many, sensitive, counts)


def _with_cells(both: NDArray[Any], levels: int, sensitive: Column, counts: NDArray[np.int64] | None) -> Classes:
    """Classes from keys of class and sensitive value, which are sorted where they lie."""
    found, times = count(both, levels, counts=counts, spare=True)
    of_key = found // found.dtype.type(max(1, sensitive.levels))
    found -= of_key * found.dtype.type(max(1, sensitive.levels))
    new = _changes(of_key, at_end=False)
    starts = np.flatnonzero(new)
    sizes = np.add.reduceat(times, starts) if len(starts) else times
    value = found.astype(np.int64, copy=False)
    overall = np.bincount(value, weights=times, minlength=sensitive.levels) / max(1, int(sizes.sum()))
    cells = Cells(np.cumsum(new) - 1, value, times, starts, overall, sensitive.labels)
    return Classes(sizes, cells)


def _recoded(key: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    values, inverse = np.unique(key, return_inverse=True)
    return inverse.astype(np.int64), len(values)


def _wanted(names: list[str], sensitive: str | None) -> list[str]:
    return names if sensitive is None else [*names, sensitive]
