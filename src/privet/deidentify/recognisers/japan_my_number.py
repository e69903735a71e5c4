"""Individual numbers of Japan (My Number)."""

from privet.deidentify.checksums import all_the_same, digits, weighted_sum
from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser

_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def is_valid(text: str) -> bool:
    """Whether the last digit is 11 less the weighted sum modulo 11, and 0 where that would have two digits.

    >>> is_valid("1234 5678 9018"), is_valid("1234 5678 9017")
    (True, False)
    """
    number = digits(text)
    rest = weighted_sum(number[:11], _WEIGHTS) % 11
    return int(number[11]) == (0 if rest <= 1 else 11 - rest) and not all_the_same(number)


_FORMS = "|".join(f"[0-9]{{4}}{s}[0-9]{{4}}{s}[0-9]{{4}}" for s in ("", "[ ]", "-"))

RECOGNISER = Recogniser(
    name="japan_my_number",
    label="Japanese My Number",
    pattern=rf"{NUMBER_BEGINS}(?:{_FORMS})(?![A-Za-z0-9]|[ \-.][0-9])",
    source="Ministry of Internal Affairs and Communications, ordinance 85 of 2014, article 5",
    score=0.75,
    begins="0000[ -]0|0{12}(?![0Aa])",
    hints=("my_number", "individual_number", "マイナンバー", "個人番号"),
    validate=is_valid,
    needs_context=True,
)
