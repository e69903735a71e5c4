"""Mainland China's resident identity numbers: another province and county, birth date and serial, a right check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import Letters, Ranked, decimal, written

# GB/T 2260, first two digits; 83 is on residence permits of people from Taiwan.
_PROVINCES = np.array(
    [11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62,
     63, 64, 65, 71, 81, 82, 83], dtype=np.uint64)  # fmt: skip
_COUNTIES, _SERIALS = np.uint64(10_000), np.uint64(1000)
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
# A birth date stays within its span, so that nobody is born in a future that the data do not know. The spans never
# change, or old and new files would not fit together.
_SPANS = np.array(["1900-01-01", *[f"{year}-01-01" for year in range(2025, 2106, 10)]], dtype="datetime64[D]")


@dataclass(frozen=True, slots=True)
class ChinaId:
    """GB 11643-1999; the check character after ISO 7064 MOD 11-2. Kept is the span of the birth date: before 2025, or
    the ten years from 2025, 2035 and so on. Counties are any four digits, some of which nobody uses."""

    label: str = "PRC identity number"
    separators: str = ""
    pattern: re.Pattern[str] = re.compile(r"9{17}[9Aa]")

    def rank(self, letters: Letters) -> Ranked:
        province, county, serial = decimal(letters[:, :2]), decimal(letters[:, 2:6]), decimal(letters[:, 14:17])
        place = np.minimum(np.searchsorted(_PROVINCES, province), len(_PROVINCES) - 1)
        known, day, days, span = _birth(letters)
        given = letters[:, 17] & np.where(letters[:, 17] > ord("9"), 0xDF, 0xFF).astype(np.uint8)
        valid = known & (_PROVINCES[place] == province) & (given == _check(letters[:, :17]))
        ranks = ((place.astype(np.uint64) * _COUNTIES + county) * days + day) * _SERIALS + serial
        return Ranked(valid, ranks, np.uint64(len(_PROVINCES)) * _COUNTIES * days * _SERIALS, span)

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        _, _, days, span = _birth(letters)
        rest, serial = np.divmod(ranks, _SERIALS)
        rest, day = np.divmod(rest, days)
        place, county = np.divmod(rest, _COUNTIES)
        parts = [written(_PROVINCES[place.astype(np.int64)], width=2), written(county, width=4)]
        parts += [_calendar(_SPANS[span.astype(np.int64)] + day.astype(np.int64)), written(serial, width=3)]
        body = np.concatenate(parts, axis=1)
        return np.concatenate([body, _check(body)[:, None]], axis=1)


def _birth(letters: Letters) -> tuple[NDArray[np.bool_], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Whether the date exists within the spans; which day of its span, of how many; and which span."""
    year, month, day = (decimal(letters[:, a:b]).astype(np.int64) for a, b in ((6, 10), (10, 12), (12, 14)))
    begins = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    date = begins.astype("datetime64[D]") + (day - 1)
    exists = (month >= 1) & (month <= 12) & (day >= 1) & (date.astype("datetime64[M]") == begins)
    known = exists & (date >= _SPANS[0]) & (date < _SPANS[-1])
    span = np.where(known, np.searchsorted(_SPANS, date, side="right") - 1, 0)
    days = (_SPANS[span + 1] - _SPANS[span]).astype(np.uint64)
    place = np.where(known, (date - _SPANS[span]).astype(np.int64), 0).astype(np.uint64)
    return known, place, days, span.astype(np.uint64)


def _calendar(dates: NDArray[np.datetime64]) -> Letters:
    months = dates.astype("datetime64[M]")
    number = months.astype(np.int64) + 1970 * 12
    day = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    parts = [(number // 12, 4), (number % 12 + 1, 2), (day, 2)]
    return np.concatenate([written(part.astype(np.uint64), width=width) for part, width in parts], axis=1)


def _check(body: Letters) -> Letters:
    return np.asarray(_CHECKS[(body.astype(np.int64) - ord("0")) @ _WEIGHTS % 11])


FORMAT = ChinaId()
