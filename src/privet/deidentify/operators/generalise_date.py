"""Replace a date by its month, year or decade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.operator import Traits

_UNITS = ("month", "year", "decade")


@dataclass(frozen=True, slots=True)
class GeneraliseDate:
    """Keeps less of a date; a cell that is no date becomes missing rather than stay exact."""

    to: str

    traits: ClassVar[Traits] = Traits(gives="text")

    def __post_init__(self) -> None:
        if self.to not in _UNITS:
            raise InvalidParameter(f"to is {self.to!r}; give one of {', '.join(_UNITS)}")

    def apply(self, column: Any, *, key: bytes) -> Any:
        import pandas

        dates = pandas.to_datetime(column, errors="coerce", format="mixed")
        if self.to == "month":
            text = dates.dt.strftime("%Y-%m")
        elif self.to == "year":
            text = dates.dt.strftime("%Y")
        else:
            text = (dates.dt.year // 10 * 10).astype("Int64").astype("string") + "s"
        return text.astype(object).where(dates.notna(), None)

    def describe(self) -> str:
        return f"generalised to the {self.to}"


OPERATOR = GeneraliseDate
