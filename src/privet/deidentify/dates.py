"""Columns of dates, whatever stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def dates_of(column: Any) -> Any:
    """The days of a column, at midnight; missing where a cell is no date. Each distinct cell is read once."""
    import pandas

    codes, values = pandas.factorize(column)
    days = pandas.to_datetime(pandas.Series(values), errors="coerce", format="mixed").dt.normalize()
    return days.reindex(codes).set_axis(column.index)


def days_of(column: Any) -> NDArray[np.float64]:
    """Days since 1970; NaN where a cell is no date.

    >>> import pandas
    >>> days_of(pandas.Series(["1970-01-03", "no date"]))
    array([ 2., nan])
    """
    days = dates_of(column).dt.tz_localize(None).to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))
