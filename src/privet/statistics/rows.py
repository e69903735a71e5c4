"""Which rows of a table count, decided row by row and unit by unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit

Where: TypeAlias = Callable[[Any], Any]


def column(data: Any, name: str | None) -> NDArray[Any]:
    """One column of a table (anything with named columns), or the data themselves if they have no columns.

    Errors: InvalidParameter if there is no such column.
    """
    if name is None:
        return _array(data)
    try:
        return _array(data[name])
    except (KeyError, IndexError, TypeError):
        raise InvalidParameter(f"the data have no column {name!r}; name one that is there") from None


def _array(values: Any) -> NDArray[Any]:
    """A list keeps its objects: a common type would depend on other rows, and merge 1 with "1"."""
    return np.array(values, dtype=object) if isinstance(values, (list, tuple)) else np.asarray(values)


def kept(data: Any, *, unit: PrivacyUnit, where: Where | None) -> NDArray[np.bool_]:
    """True for each row that counts: it passes ``where`` and is among its unit's first ``max_rows`` that do.

    Whether a row is kept depends on its own unit's rows alone. Rows that name no unit are left out.
    """
    rows = _length(data)
    chosen = np.ones(rows, dtype=np.bool_) if where is None else np.array(where(data), dtype=np.bool_)
    if chosen.shape != (rows,):
        raise InvalidParameter("where must give one truth value for each row")
    if unit.column is None:
        return chosen
    units = identify(column(data, unit.column))
    chosen &= units >= 0
    chosen[chosen] = occurrence(units[chosen]) < unit.max_rows
    return chosen


def _length(data: Any) -> int:
    """Rows of a table or array; a plain dict of columns counts by its columns."""
    if isinstance(data, dict):
        return len(next(iter(data.values()))) if data else 0
    return len(data)


def identify(values: NDArray[Any]) -> NDArray[np.int64]:
    """A number for each distinct unit, and -1 where none is named."""
    if values.dtype.kind in "iub":
        return _numbered(values)
    if values.dtype.kind == "f":
        return np.where(np.isnan(values), -1, _numbered(values))
    # Sorting mixed types fails, and text forms would merge 1 with "1"; equality decides instead.
    seen: dict[Any, int] = {}
    named = (-1 if missing(value) else seen.setdefault(value, len(seen)) for value in values.tolist())
    return np.fromiter(named, dtype=np.int64, count=len(values))


def missing(value: Any) -> bool:
    """Whether an entry of a column is None, NaN or a null of its library.

    >>> missing(None), missing(float("nan")), missing("")
    (True, True, False)
    """
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas' NA has no truth value
        return True


def _numbered(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def occurrence(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row, how many earlier rows have the same unit.

    >>> occurrence(np.array([7, 7, 3, 7])).tolist()
    [0, 1, 0, 2]
    """
    order = np.argsort(units, kind="stable")
    ordered = units[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    lengths = np.diff(begins, append=len(ordered))
    rank = np.empty(len(units), dtype=np.int64)
    rank[order] = np.arange(len(units)) - np.repeat(begins, lengths)
    return rank
