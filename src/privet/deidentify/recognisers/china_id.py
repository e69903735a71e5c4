"""Mainland China's resident identity number."""

import re

from privet.deidentify.checksums import is_date, weighted_sum
from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# Provinces, municipalities and autonomous regions; 81 to 83 are residents of Hong Kong, Macau and Taiwan.
_REGIONS = frozenset(
    re.findall(
        r"[A-Z0-9]{2}",
        "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83",
    )
)


def is_valid(text: str) -> bool:
    """Whether the region and the birth date exist and the check character fits.

    >>> is_valid("11010519491231002X"), is_valid("110105194912310021"), is_valid("99010519491231002X")
    (True, False, False)
    """
    if text[:2] not in _REGIONS or not is_date(int(text[6:10]), int(text[10:12]), int(text[12:14])):
        return False
    return "10X98765432"[weighted_sum(text[:17], _WEIGHTS) % 11] == text[17].upper()


RECOGNISER = Recogniser(
    name="china_id",
    label="PRC identity number",
    pattern=rf"{NUMBER_BEGINS}[1-8][0-9]{{16}}[0-9Xx](?![A-Za-z0-9])",
    source="GB 11643-1999; regions of GB/T 2260; check character after ISO/IEC 7064 MOD 11-2",
    score=0.99,
    begins="0{18}(?![0Aa])|0{17}[Aa]",
    hints=("身份证", "身份證", "id_card", "national_id"),
    validate=is_valid,
)
