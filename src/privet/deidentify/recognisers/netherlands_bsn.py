"""Citizen service numbers of the Netherlands."""

from privet.deidentify.checksums import all_the_same, digits, weighted_sum
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def is_valid(text: str) -> bool:
    """Whether the weighted sum is a multiple of eleven, the last digit counting minus one.

    >>> is_valid("111222333"), is_valid("111222334")
    (True, False)
    """
    number = digits(text)
    return weighted_sum(number, _WEIGHTS) % 11 == 0 and not all_the_same(number)


RECOGNISER = Recogniser(
    name="netherlands_bsn",
    label="Dutch citizen service number",
    pattern=rf"{NUMBER_BEGINS}(?:[0-9]{{9}}|[0-9]{{4}}\.[0-9]{{2}}\.[0-9]{{3}}){NUMBER_ENDS}",
    source="Wet algemene bepalingen burgerservicenummer (2007), elfproef",
    score=0.75,
    begins=r"0{9}(?![0Aa])|0000\.0",
    hints=("bsn", "burgerservicenummer", "sofinummer"),
    validate=is_valid,
    needs_context=True,
)
