"""Columns of numbers and of dates, which a CSV file stores as text: read as numbers, written as they were stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.dates import days_of


def numbers_of(column: Any) -> NDArray[np.float64]:
    """Cells as numbers; NaN where one is missing, no number, or not finite."""
    import pandas

    found = pandas.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(found), found, np.nan)


def numbers_like(column: Any, numbers: NDArray[np.float64]) -> Any:
    """A column of these numbers: text where it was text, whole numbers without a point; NaN is missing.

    >>> import pandas
    >>> numbers_like(pandas.Series(["1", "x"]), np.array([2.0, np.nan])).tolist()
    ['2', None]
    """
    import pandas
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        return pandas.Series(numbers, index=column.index)
    distinct, places = np.unique(numbers, return_inverse=True)
    texts = np.array([_text(number) for number in distinct.tolist()], dtype=object)
    return pandas.Series(texts[places], index=column.index, dtype=object)


def in_order(column: Any) -> tuple[NDArray[np.float64], bool]:
    """Cells as numbers, or as days since 1970 if more of them are dates than numbers; and whether these are days.

    >>> import pandas
    >>> in_order(pandas.Series(["1970-01-03", "no date"]))
    (array([ 2., nan]), True)
    """
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

    if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        return numbers_of(column), False
    if is_datetime64_any_dtype(column.dtype):
        return days_of(column), True
    numbers = numbers_of(column)
    others = np.isnan(numbers) & column.notna().to_numpy()
    # A number can be read as a date, too; it is none.
    days = (
        days_of(column.where(others, None))
        if 2 * others.sum() > column.notna().sum()
        else np.full(len(numbers), np.nan)
    )
    dates = bool((~np.isnan(days)).sum() > (~np.isnan(numbers)).sum())
    return (days, True) if dates else (numbers, False)


def like_in_order(column: Any, numbers: NDArray[np.float64], *, days: bool) -> Any:
    """A column of these numbers, as ``numbers_like``; or of the nearest days, written 2001-02-03."""
    import pandas

    if not days:
        return numbers_like(column, numbers)
    there = ~np.isnan(numbers)
    dates = np.rint(np.where(there, numbers, 0)).astype("datetime64[D]")
    texts = np.datetime_as_string(dates).astype(object)
    texts[~there] = None
    return pandas.Series(texts, index=column.index, dtype=object)


def _text(number: float) -> str | None:
    if number != number:
        return None
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
