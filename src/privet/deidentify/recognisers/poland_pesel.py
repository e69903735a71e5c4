"""Poland's PESEL numbers."""

from privet.deidentify.checksums import is_date, weighted_sum
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
# The century is added to the month.
_CENTURIES = {80: 1800, 0: 1900, 20: 2000, 40: 2100, 60: 2200}


def is_valid(text: str) -> bool:
    """Whether the birth date exists and the weighted sum is a multiple of ten.

    >>> is_valid("44051401359"), is_valid("44051401358")
    (True, False)
    """
    month = int(text[2:4])
    year = _CENTURIES[month // 20 * 20] + int(text[:2])
    return is_date(year, month % 20, int(text[4:6])) and weighted_sum(text, _WEIGHTS) % 10 == 0


RECOGNISER = Recogniser(
    name="poland_pesel",
    label="Polish PESEL number",
    pattern=rf"{NUMBER_BEGINS}[0-9]{{11}}{NUMBER_ENDS}",
    source="Ustawa o ewidencji ludnosci (2010), article 15",
    score=0.75,
    begins="0{11}(?![0Aa])",
    hints=("pesel",),
    validate=is_valid,
    needs_context=True,
)
