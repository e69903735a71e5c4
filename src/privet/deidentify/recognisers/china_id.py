"""Mainland China's resident identity number."""

import datetime
import re

from privet.deidentify.recogniser import Recogniser, weighted_sum

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_valid(text: str) -> bool:
    """Whether the birth date exists and the check character fits.

    >>> is_valid("11010519491231002X"), is_valid("110105194912310021")
    (True, False)
    """
    try:
        datetime.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return "10X98765432"[weighted_sum(text[:17], _WEIGHTS) % 11] == text[17].upper()


RECOGNISER = Recogniser(
    name="china_id",
    label="PRC identity number",
    pattern=re.compile(r"(?<![A-Za-z0-9])[1-9]\d{16}[\dXx](?![A-Za-z0-9])"),
    source="GB 11643-1999; check character after ISO 7064 MOD 11-2",
    score=0.99,
    hints=("身份证", "身份證", "id_card", "national_id"),
    validate=is_valid,
)
