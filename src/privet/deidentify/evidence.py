"""What can be seen of a column: its name, the type and form of its cells, and how many of them differ."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from privet.deidentify.recognisers.birth_date import RECOGNISER as DATE

# Cells of these forms; "whole" are numbers without a fraction, and "empty" a column without a filled cell.
Form = Literal["empty", "truth", "whole", "number", "date", "text"]
# Of so many cells nearly all must look alike for a form to be taken.
NEARLY_ALL = 0.9

_NUMBER = re.compile(r"[+\-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+\-]?[0-9]+)?")
_TIME = re.compile(r"[T ][0-9]{1,2}:[0-9]{2}.*$")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One column. ``cells`` are its first filled cells with their counts; the shares are of the whole column.

    ``different`` is the number of different values over that of filled cells, ``unique`` the share of filled cells
    whose value no other cell has. It holds data: it is as private as the column.
    """

    name: str
    form: Form
    cells: Counter[str]
    filled: int
    different: float
    unique: float

    @property
    def values(self) -> int:
        """How many different values the whole column has."""
        return round(self.different * self.filled)

    def share(self, fits: Any) -> float:
        """The share of the first cells that a test accepts; each different cell is tested once."""
        return sum(times for cell, times in self.cells.items() if fits(cell)) / max(1, self.cells.total())


def evidence_of(name: str, column: Any, *, sample_rows: int) -> Evidence:
    """Read a pandas column: differences over all of its cells, looks over the first ``sample_rows`` filled ones."""
    filled = column.dropna()
    if filled.dtype == object or not _is_plain(filled):
        filled = filled.astype(str).str.strip()
        filled = filled[filled != ""]
    if not len(filled):
        return Evidence(name, "empty", Counter(), 0, 0.0, 0.0)
    counts = filled.value_counts(sort=False).to_numpy()
    cells = Counter(filled.head(sample_rows).astype(str).str.strip())
    return Evidence(name, _form(filled, cells), cells, len(filled), len(counts) / len(filled),
                    float((counts == 1).sum()) / len(filled))  # fmt: skip


def _is_plain(column: Any) -> bool:
    """Whether cells are numbers, truth values or times, which have no spaces around them."""
    return str(column.dtype).lower().startswith(("int", "uint", "float", "bool", "datetime", "decimal"))


def _form(filled: Any, cells: Counter[str]) -> Form:
    kind = str(filled.dtype).lower()
    if kind.startswith("datetime"):
        return "date"
    if kind.startswith("bool"):
        return "truth"
    if kind.startswith(("int", "uint")):
        return "whole"
    if kind.startswith("float") or all(_NUMBER.fullmatch(cell) for cell in cells):
        return _number(filled)
    looks = Evidence("", "text", cells, 0, 0.0, 0.0)
    return "date" if looks.share(is_a_date) >= NEARLY_ALL else "text"


def _number(filled: Any) -> Form:
    """Text may look like numbers in its first cells only."""
    import pandas

    numbers = pandas.to_numeric(filled, errors="coerce")
    if numbers.isna().any():
        return "text"
    return "whole" if bool((numbers % 1 == 0).all()) else "number"


def is_a_date(text: str) -> bool:
    """Whether a cell is a date, with or without a time.

    >>> is_a_date("2026-11-25 08:30"), is_a_date("民國75年3月2日"), is_a_date("2026")
    (True, True, False)
    """
    return DATE.accepts(_TIME.sub("", text))


def is_a_number(text: str) -> bool:
    """Whether a cell is a decimal number in ASCII."""
    return _NUMBER.fullmatch(text) is not None
