"""Numbers of the United Kingdom's National Health Service."""

from privet.deidentify.checksums import all_the_same, digits, weighted_sum
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser


def is_valid(text: str) -> bool:
    """Whether the last digit is 11 less the weighted sum of the others modulo 11.

    >>> is_valid("943 476 5919"), is_valid("943 476 5918")
    (True, False)
    """
    number = digits(text)
    check = -weighted_sum(number[:9], tuple(range(10, 1, -1))) % 11
    return check == int(number[9]) and not all_the_same(number)


_FORMS = "|".join(f"[0-9]{{3}}{s}[0-9]{{3}}{s}[0-9]{{4}}" for s in ("", "[ ]", "-"))

RECOGNISER = Recogniser(
    name="uk_nhs",
    label="NHS number",
    pattern=rf"{NUMBER_BEGINS}(?:{_FORMS}){NUMBER_ENDS}",
    source="NHS Data Dictionary, NHS NUMBER (modulus 11)",
    score=0.75,
    begins="0{10}(?![0Aa])|000[ -]0",
    hints=("nhs", "nhs_number", "national_health"),
    validate=is_valid,
    needs_context=True,
)
