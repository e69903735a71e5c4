"""Move dates by a secret number of days: the same for all dates of one person, so that intervals survive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.dates import dates_of
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class ShiftDate:
    """Dates move by up to ``days`` either way, as the key and the ``person`` decide; seasons survive roughly.

    ``person`` names the column that says whose date it is: all dates of one person move alike, in every column and
    file where the person's column has this name or domain. Without it each date moves as its own value decides, and
    intervals between different dates do not survive. What is no date, or nobody's, becomes missing.
    Guarantee: the shifts are a keyed BLAKE2b, told from uniform ones only with the key. Who knows one true date of a
    person knows that person's shift.
    """

    days: int
    person: str = ""

    traits: ClassVar[Traits] = Traits(gives="text", keyed=True)

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 3650:
            raise InvalidParameter(f"days is {self.days}; give 1 to 3650")

    def apply(self, column: Any, *, key: bytes) -> Any:
        dates = dates_of(column)
        return self._moved(dates, dates, key)

    def apply_by(self, column: Any, *, persons: Any, key: bytes) -> Any:
        return self._moved(dates_of(column), persons, key)

    def _moved(self, dates: Any, owners: Any, key: bytes) -> Any:
        import pandas

        shifts = treat_distinct(owners, lambda texts: [self._shift(text, key) for text in texts])
        moved = dates + pandas.to_timedelta(pandas.to_numeric(shifts), unit="D")
        return moved.dt.strftime("%Y-%m-%d").astype(object).where(moved.notna(), None)

    def _shift(self, owner: str, key: bytes) -> int:
        digest = hashlib.blake2b(owner.encode(), key=key, digest_size=8, person=b"privet dateshift").digest()
        return int.from_bytes(digest, "big") % (2 * self.days + 1) - self.days

    def describe(self) -> str:
        whose = f", all of one {self.person} alike" if self.person else ""
        return f"shifted by up to {self.days} days{whose}"


OPERATOR = ShiftDate
