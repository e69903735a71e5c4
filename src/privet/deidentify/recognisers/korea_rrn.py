"""Resident registration numbers of Korea."""

from privet.deidentify.checksums import digits, is_date, weighted_sum
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
# Sex and century share a digit; 5 to 8 are foreigners.
_CENTURIES = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000,
              "8": 2000}  # fmt: skip


def is_valid(text: str) -> bool:
    """Whether the birth date exists. Numbers since October 2020 are random after it, so no check digit is asked for.

    >>> is_valid("900101-1234567"), is_valid("901301-1234567")
    (True, False)
    """
    number = digits(text)
    return is_date(_CENTURIES[number[6]] + int(number[:2]), int(number[2:4]), int(number[4:6]))


def has_check_digit(text: str) -> bool:
    """Whether the last digit is the one that numbers before October 2020 have."""
    number = digits(text)
    return (11 - weighted_sum(number[:12], _WEIGHTS) % 11) % 10 == int(number[12])


RECOGNISER = Recogniser(
    name="korea_rrn",
    label="Korean resident number",
    pattern=rf"{NUMBER_BEGINS}[0-9]{{2}}[01][0-9][0-3][0-9](?:-[0-9]{{7}}|[0-9]{{7}}){NUMBER_ENDS}",
    source="Resident Registration Act, enforcement rules, article 2; random numbers since October 2020",
    score=0.8,
    begins="0{6}-0|0{13}(?![0Aa])",
    hints=("rrn", "resident_registration", "주민등록번호", "주민번호"),
    validate=is_valid,
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}(?:[0-9]{{6}}-[0-9]{{7}}){NUMBER_ENDS}",
)
