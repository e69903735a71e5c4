"""Registration numbers of the US Drug Enforcement Administration."""

from privet.deidentify.recogniser import NUMBER_ENDS, Recogniser


def is_valid(text: str) -> bool:
    """Whether the last digit is that of the first, third and fifth plus twice the second, fourth and sixth.

    >>> is_valid("AB1234563"), is_valid("AB1234564")
    (True, False)
    """
    number = [int(digit) for digit in text[2:]]
    return (sum(number[:6:2]) + 2 * sum(number[1:6:2])) % 10 == number[6]


RECOGNISER = Recogniser(
    name="us_dea",
    label="DEA number",
    pattern=rf"[ABCDEFGHJKLMPRSTUX][A-Z9][0-9]{{7}}{NUMBER_ENDS}",
    source="21 CFR 1301; DEA, check digit of registration numbers",
    score=0.75,
    begins="A{1,2}00",
    hints=("dea", "dea_number", "prescriber"),
    validate=is_valid,
)
