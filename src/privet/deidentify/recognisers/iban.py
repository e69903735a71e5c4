"""International bank account numbers."""

import re

from privet.deidentify.recogniser import Recogniser


def is_valid(text: str) -> bool:
    """Whether the number, country and check digits last, leaves 1 when divided by 97.

    >>> is_valid("GB82 WEST 1234 5698 7654 32"), is_valid("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = text.replace(" ", "").upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


RECOGNISER = Recogniser(
    name="iban",
    label="IBAN",
    pattern=re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"),
    source="ISO 13616-1; ISO 7064 MOD 97-10",
    score=0.98,
    hints=("iban", "bank_account"),
    validate=is_valid,
)
