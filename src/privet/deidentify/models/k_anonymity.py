"""k-anonymity: the size of the smallest group of rows that look alike (Sweeney 2002, Definition 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter


def class_sizes(frame: Any, *, quasi_identifiers: tuple[str, ...]) -> NDArray[np.int64]:
    """Size of each group of rows that are alike in all quasi-identifiers, in no order. A missing cell is a value."""
    return np.unique(group_of_each_row(frame, quasi_identifiers=quasi_identifiers), return_counts=True)[1]


def k(frame: Any, *, quasi_identifiers: tuple[str, ...]) -> int:
    """Size of the smallest group; 0 for an empty table."""
    sizes = class_sizes(frame, quasi_identifiers=quasi_identifiers)
    return int(sizes.min()) if len(sizes) else 0


def group_of_each_row(frame: Any, *, quasi_identifiers: tuple[str, ...]) -> NDArray[np.int64]:
    """A number for each row's group: equal for rows that look alike.

    Columns become integer codes once; codes are packed into one key, and re-coded when the key would overflow.
    Errors: InvalidParameter if a column is not there or none is named.
    """
    if not quasi_identifiers:
        raise InvalidParameter("no quasi-identifier is named; give at least one column")
    missing = [name for name in quasi_identifiers if name not in frame.columns]
    if missing:
        raise InvalidParameter(f"the table has no column {missing[0]!r}; it has: {', '.join(map(str, frame.columns))}")
    packed, levels = np.zeros(len(frame), dtype=np.int64), 1
    for name in quasi_identifiers:
        codes, count = codes_of(frame[name])
        if levels * count >= 2**62:
            packed, levels = _recoded(packed)
        packed, levels = packed * count + codes, levels * count
    return packed


def codes_of(column: Any) -> tuple[NDArray[np.int64], int]:
    """Integer codes of a column and how many there may be; missing cells share one code."""
    import pandas

    codes, values = pandas.factorize(column, use_na_sentinel=True)
    return codes.astype(np.int64) + 1, len(values) + 1


def _recoded(packed: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    values, inverse = np.unique(packed, return_inverse=True)
    return inverse.astype(np.int64), len(values)
