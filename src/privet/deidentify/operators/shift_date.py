"""Move a date by a secret number of days that is the same for equal values under one key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from privet.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class ShiftDate:
    """Every date moves by up to ``days`` either way, as its own value and the key decide; seasons survive roughly.

    Intervals between different dates do not survive; shifting all dates of one person alike needs a person's column.
    """

    days: int

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 3650:
            raise InvalidParameter(f"days is {self.days}; give 1 to 3650")

    def apply(self, column: Any, *, key: bytes) -> Any:
        import pandas

        dates = pandas.to_datetime(column, errors="coerce", format="mixed")
        shifts = dates.map(lambda date: self._shift(date, key), na_action="ignore")
        moved = dates + pandas.to_timedelta(shifts, unit="D")
        return moved.dt.strftime("%Y-%m-%d").astype(object).where(moved.notna(), None)

    def _shift(self, date: Any, key: bytes) -> int:
        digest = hashlib.blake2b(str(date.date()).encode(), key=key, digest_size=8, person=b"privet dateshift").digest()
        return int.from_bytes(digest, "big") % (2 * self.days + 1) - self.days

    def describe(self) -> str:
        return f"shifted by up to {self.days} days"


OPERATOR = ShiftDate
