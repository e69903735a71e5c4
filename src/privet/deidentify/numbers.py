"""Columns of numbers, which a CSV file stores as text: read as numbers, written as they were stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def _text(number: float) -> str | None:
    if number != number:
        return None
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
