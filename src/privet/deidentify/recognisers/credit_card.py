"""Payment card numbers."""

import re

from privet.deidentify.recogniser import Recogniser


def luhn(text: str) -> bool:
    """Whether the digits keep Luhn's rule.

    >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


RECOGNISER = Recogniser(
    name="credit_card",
    label="payment card number",
    pattern=re.compile(
        r"(?<![\d.\-])(?:[2-6]\d{3}(?:[ \-]?\d{4}){3}(?:\d{3})?|3\d{3}[ \-]?\d{6}[ \-]?\d{4,5}|[56]\d{11,12})(?![\d\-])"
    ),
    source="ISO/IEC 7812-1, annex B (Luhn)",
    score=0.9,
    hints=("card", "credit_card", "信用卡"),
    validate=luhn,
)
