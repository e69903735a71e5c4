"""Tables as integer codes: each column is coded once, in the order of its values, and everything else counts codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter

# Whole numbers that span at most so many values for each row are coded by a look-up and not by sorting.
_DENSE = 4
# So many codes are looked up at a time.
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A coded column: ``labels[codes[row]]`` is the cell. Codes follow the order of the labels; missing (None) is last.

    Shapes: ``codes`` has one entry a row, in the smallest unsigned type that holds them.
    """

    codes: NDArray[Any]
    labels: tuple[Any, ...]

    @property
    def levels(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[Any]) -> Column:
        """The same labels, fewer rows."""
        return Column(self.codes[rows], self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A table whose columns are codes. It holds the data: it is as private as the table.

    ``counts`` says how many rows each entry stands for, where entries are combinations and not rows; without it each
    stands for one. Shapes: columns have ``entries`` codes; ``rows`` is the sum of the counts.
    """

    rows: int
    columns: Mapping[str, Column]
    counts: NDArray[np.int64] | None = None

    @property
    def entries(self) -> int:
        return self.rows if self.counts is None else len(self.counts)

    def chosen(self, names: Sequence[str]) -> list[Column]:
        """Columns by name. Errors: InvalidParameter if none is named or one is not there."""
        if not names:
            raise InvalidParameter("no quasi-identifier is named; give at least one column")
        missing = [name for name in names if name not in self.columns]
        if missing:
            known = ", ".join(self.columns)
            raise InvalidParameter(f"the table has no column {missing[0]!r}; it has: {known}")
        return [self.columns[name] for name in names]

    def take(self, rows: NDArray[np.int64]) -> Coded:
        """The rows of these numbers, each by itself; rows of one entry follow each other."""
        at = rows if self.counts is None else np.searchsorted(np.cumsum(self.counts), rows, side="right")
        return Coded(len(rows), {name: column.take(at) for name, column in self.columns.items()})

    def each_row(self) -> Coded:
        """Every row by itself."""
        return self if self.counts is None else self.take(np.arange(self.rows))


def encode(table: Any, *, columns: Sequence[str] | None = None) -> Coded:
    """Code a table of pandas, Polars or Arrow, or a mapping of names to columns; a coded table is returned as it is.

    What counts its combinations itself, as a ``DatabaseTable`` does, is asked for them.

    A missing cell is a value of its own. Text that is all numbers is ordered as numbers.
    Errors: InvalidParameter if a named column is not there, or columns differ in length.

    >>> coded = encode({"age": [40, 30, None], "sex": ["f", "m", "f"]})
    >>> coded.columns["age"].labels, coded.columns["age"].codes.tolist()
    ((30, 40, None), [1, 0, 2])
    """
    if isinstance(table, Coded):
        if columns is not None:
            table.chosen(columns)
        return table
    if hasattr(type(table), "combinations"):
        counted: Coded = table.combinations(columns)
        return counted
    there = [str(name) for name in names_of(table)]
    missing = [name for name in columns or () if name not in there]
    if missing:
        raise InvalidParameter(f"the table has no column {missing[0]!r}; it has: {', '.join(there)}")
    wanted = set(there if columns is None else columns)
    made = {str(name): encode_column(table[name]) for name in names_of(table) if str(name) in wanted}
    lengths = {len(column.codes) for column in made.values()}
    if len(lengths) > 1:
        raise InvalidParameter(f"the columns have {min(lengths)} to {max(lengths)} cells; give columns of one length")
    return Coded(lengths.pop() if lengths else len(table), made)


def encode_column(values: Any) -> Column:
    """Code one column: a pandas or Polars series, an Arrow array, a numpy array or a list."""
    if hasattr(values, "to_arrow"):
        values = values.to_arrow()
    if hasattr(values, "dictionary_encode"):
        codes, labels = codes_of_arrow(values)
    elif type(values).__module__.startswith("pandas"):
        codes, labels = _from_pandas(values)
    else:
        codes, labels = _from_array(values)
    return in_order(codes, labels)


def aligned(first: Coded, second: Coded, *, columns: Sequence[str]) -> tuple[Coded, Coded]:
    """Two tables with the same codes for the same labels, so that their rows can be compared.

    Errors: InvalidParameter if a column is missing in either.
    """
    pairs = [_aligned(*pair) for pair in zip(first.chosen(columns), second.chosen(columns), strict=True)]
    one, two = zip(*pairs, strict=True)
    return Coded(first.rows, dict(zip(columns, one, strict=True)), first.counts), Coded(
        second.rows, dict(zip(columns, two, strict=True)), second.counts
    )


def as_number(label: Any) -> float | None:
    """The number that a label is or spells, if it does."""
    try:
        return float(label)
    except (TypeError, ValueError):
        return None


def _aligned(first: Column, second: Column) -> tuple[Column, Column]:
    labels = list(dict.fromkeys([*first.labels, *second.labels]))
    order = _order(labels)
    place = {labels[old]: new for new, old in enumerate(order)}
    together = tuple(labels[old] for old in order)
    moved = [
        Column(_looked_up(np.array([place[label] for label in column.labels], dtype=np.int64), column.codes), together)
        for column in (first, second)
    ]
    return moved[0], moved[1]


def names_of(table: Any) -> list[Any]:
    """The names of a table's columns. Errors: InvalidParameter if it is no table."""
    if hasattr(table, "column_names"):
        return list(table.column_names)
    if hasattr(table, "columns"):
        return list(table.columns)
    if isinstance(table, Mapping):
        return list(table)
    raise InvalidParameter(
        f"a {type(table).__name__} is no table; give one of pandas, Polars or Arrow, or a mapping of columns"
    )


def _from_pandas(values: Any) -> tuple[NDArray[Any], list[Any]]:
    import pandas

    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iub":
        return _from_array(values.to_numpy())
    if isinstance(values.dtype, pandas.CategoricalDtype):
        return _used(values.cat.codes.to_numpy(), values.cat.categories.tolist())
    if isinstance(values.dtype, pandas.StringDtype) and values.dtype.storage == "pyarrow":
        return codes_of_arrow(values.array.__arrow_array__())
    codes, uniques = pandas.factorize(values, use_na_sentinel=True)
    return _with_missing(codes, list(uniques) if values.dtype.kind in "mM" else uniques.tolist())


def codes_of_arrow(values: Any) -> tuple[NDArray[Any], list[Any]]:
    """Codes of an Arrow array and their labels, in the order of their first cells; a missing one has one as well."""
    import pyarrow

    if not len(values):
        return np.zeros(0, dtype=np.int64), []
    given = pyarrow.types.is_dictionary(values.type)
    if given and getattr(values, "num_chunks", 1) > 1:
        # Every chunk may have a dictionary of its own.
        values, given = values.cast(values.type.value_type), False
    coded = values if given else values.dictionary_encode(null_encoding="encode")
    coded = coded.combine_chunks() if hasattr(coded, "combine_chunks") else coded
    codes, labels = coded.indices, [None if _is_missing(label) else label for label in coded.dictionary.to_pylist()]
    if given or codes.null_count or labels.count(None) > 1:
        return _used(codes.fill_null(-1).to_numpy(zero_copy_only=False), labels)
    return codes.to_numpy(), labels


def _used(codes: NDArray[Any], labels: list[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    """Codes of just the labels that occur, each once; a code below 0, and every label None, is a missing cell."""
    counts = np.bincount(codes.astype(np.int64) + 1, minlength=len(labels) + 1)
    kept = [number for number, label in enumerate(labels) if label is not None and counts[number + 1]]
    place = np.full(len(labels) + 1, len(kept))
    place[np.array(kept, dtype=np.int64) + 1] = np.arange(len(kept))
    found: list[Any] = [labels[number] for number in kept]
    missing = int(counts.sum() - counts[np.array(kept, dtype=np.int64) + 1].sum()) > 0
    return place[codes.astype(np.int64) + 1], [*found, None] if missing else found


def _from_array(values: Any) -> tuple[NDArray[Any], list[Any]]:
    array = values if isinstance(values, np.ndarray) else None
    if array is not None and array.dtype.kind in "iub" and len(array):
        codes, labels = _from_whole_numbers(array.view(np.uint8) if array.dtype.kind == "b" else array)
        return codes, [bool(label) for label in labels] if array.dtype.kind == "b" else labels
    if array is not None and array.dtype.kind in "fUS":
        uniques, codes = np.unique(array, return_inverse=True)
        return _without_nan(codes.astype(np.int64), uniques)
    place: dict[Any, int] = {}
    codes = np.array([-1 if _is_missing(cell) else place.setdefault(cell, len(place)) for cell in values], np.int64)
    return _with_missing(codes, list(place))


def _from_whole_numbers(array: NDArray[Any]) -> tuple[NDArray[Any], list[Any]]:
    """Without a hash or a sort where the numbers lie close: a table says which there are, and the place of each."""
    low, high = int(array.min()), int(array.max())
    if high - low > _DENSE * len(array) + 1024 or high >= 2**63:
        uniques, codes = np.unique(array, return_inverse=True)
        return codes.astype(np.int64), uniques.tolist()
    there = np.zeros(high - low + 1, dtype=bool)
    for block in _blocks(array):
        there[block.astype(np.int64) - low] = True
    place = np.cumsum(there) - 1
    return _looked_up(place, array, low), (np.flatnonzero(there) + low).tolist()


def _without_nan(codes: NDArray[np.int64], uniques: NDArray[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    bad = np.isnan(uniques) if uniques.dtype.kind == "f" else np.zeros(len(uniques), dtype=bool)
    moved = np.where(bad, -1, np.cumsum(~bad) - 1)
    return _with_missing(moved[codes] if len(codes) else codes, uniques[~bad].tolist())


def _with_missing(codes: NDArray[Any], labels: list[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    codes = codes.astype(np.int64, copy=False)
    if len(codes) and codes.min() < 0:
        return np.where(codes < 0, len(labels), codes), [*labels, None]
    return codes, labels


def in_order(codes: NDArray[Any], labels: list[Any]) -> Column:
    """A column whose codes are numbers of ``labels``, coded again in the order of the labels."""
    order = _order(labels)
    if order == list(range(len(labels))) and codes.dtype == _kind(len(labels)):
        return Column(codes, tuple(labels))
    place = np.empty(len(labels), dtype=np.int64)
    place[order] = np.arange(len(labels))
    return Column(_looked_up(place, codes), tuple(labels[number] for number in order))


def _looked_up(place: NDArray[np.int64], codes: NDArray[Any], low: int = 0) -> NDArray[Any]:
    """``place[codes - low]`` in the smallest type, block by block so that what lies between stays in the cache."""
    kind = _kind(int(place.max(initial=0)) + 1)
    made, small = np.empty(len(codes), dtype=kind), place.astype(kind)
    for block, into in zip(_blocks(codes), _blocks(made), strict=True):
        into[:] = small[block.astype(np.int64) - low if low else block]
    return made


def _kind(levels: int) -> type[np.unsignedinteger[Any]]:
    """The smallest type for so many codes: fewer bytes are read whenever codes are packed."""
    return np.uint8 if levels <= 2**8 else np.uint16 if levels <= 2**16 else np.uint32


def _blocks(array: NDArray[Any]) -> list[NDArray[Any]]:
    return [array[start : start + _BLOCK] for start in range(0, len(array), _BLOCK)]


def _order(labels: list[Any]) -> list[int]:
    filled = [number for number, label in enumerate(labels) if label is not None]
    numbers = [as_number(labels[number]) for number in filled]
    if all(number is not None for number in numbers):
        keys: list[Any] = [(number, str(labels[at])) for number, at in zip(numbers, filled, strict=True)]
    else:
        keys = [str(labels[at]) for at in filled]
    sorted_ = [filled[at] for at in sorted(range(len(filled)), key=keys.__getitem__)]
    return sorted_ + [number for number, label in enumerate(labels) if label is None]


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell) or type(cell).__name__ in ("NAType", "NaTType")
