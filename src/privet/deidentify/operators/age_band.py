"""Replace a date of birth by a band of ages on a stated day."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from privet.core.errors import InvalidParameter
from privet.deidentify.dates import dates_of
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class AgeBand:
    """Bands of ``width`` years of age on the day ``on``; ages from ``highest`` on are one band.

    The day is stated and never today, so that files treated later agree. A cell that is no date, or after that day,
    becomes missing. Safe Harbor of HIPAA asks for one band from 90 on.
    Reference: 45 CFR 164.514(b)(2)(i)(C).
    """

    on: Any
    width: int = 5
    highest: int = 90

    traits: ClassVar[Traits] = Traits(gives="text")

    def __post_init__(self) -> None:
        if not 1 <= self.width <= self.highest <= 120:
            raise InvalidParameter(
                f"width is {self.width} and highest {self.highest}; give 1 <= width <= highest <= 120"
            )
        self._day()

    def _day(self) -> datetime.date:
        """TOML has dates; text in quotes will do."""
        try:
            return self.on if type(self.on) is datetime.date else datetime.date.fromisoformat(self.on)
        except (TypeError, ValueError):
            raise InvalidParameter("on must be a date such as 2026-01-01") from None

    def apply(self, column: Any, *, key: bytes) -> Any:
        import pandas

        born, day = dates_of(column), self._day()
        before = (born.dt.month * 100 + born.dt.day) > day.month * 100 + day.day
        ages = (day.year - born.dt.year - before).to_numpy(dtype=np.float64, na_value=np.nan)
        starts = np.minimum(ages // self.width * self.width, self.highest)
        labels = {float(start): self._label(start) for start in [*range(0, self.highest, self.width), self.highest]}
        return pandas.Series([labels.get(start) for start in starts.tolist()], index=column.index, dtype=object)

    def _label(self, start: int) -> str:
        if start == self.highest:
            return f">={start}"
        return f"{start}-{min(start + self.width, self.highest) - 1}" if self.width > 1 else str(start)

    def describe(self) -> str:
        return f"generalised to bands of {self.width} years of age on {self._day().isoformat()}"


OPERATOR = AgeBand
