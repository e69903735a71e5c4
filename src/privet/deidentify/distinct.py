"""Treat each distinct value of a column once, as text that does not depend on how a table happened to store it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def treat_distinct(column: Any, treat: Callable[[list[str]], Sequence[Any]]) -> Any:
    """A column in which ``treat``, given the distinct texts, has replaced every cell; missing cells stay missing.

    Shapes: ``treat`` gives as many values as it gets.

    >>> import pandas
    >>> treat_distinct(pandas.Series([7.0, None, 7.0]), lambda texts: [text + "!" for text in texts]).tolist()
    ['7!', None, '7!']
    """
    import pandas

    codes, values = pandas.factorize(column)
    treated = np.empty(len(values) + 1, dtype=object)
    # The code of a missing cell is -1, which is the last place: None.
    treated[:-1] = treat(texts_of(values.tolist()))
    return pandas.Series(treated[codes], index=column.index, dtype=object)


def texts_of(values: list[Any]) -> list[str]:
    """Values as text: a whole float as its integer and a midnight as its date, so that 7, 7.0 and "7" are one person.

    A column of whole numbers with one missing cell is stored as floats; its pseudonyms must not change for that.

    >>> texts_of([7.0, 7, "7", 0.5, datetime.datetime(2001, 2, 3)])
    ['7', '7', '7', '0.5', '2001-02-03']
    """
    if all(type(value) is str for value in values):
        return values
    return [value if type(value) is str else _text(value) for value in values]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)
