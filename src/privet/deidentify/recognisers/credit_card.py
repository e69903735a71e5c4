"""Payment card numbers."""

from privet.deidentify.checksums import digits, luhn
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

__all__ = ["RECOGNISER", "is_valid", "luhn"]

# Lengths and leading digits of the schemes: a number that keeps Luhn's rule by chance seldom fits one.
_ISSUED = {
    leading: frozenset(lengths)
    for lengths, all_leading in (
        ((13, 16, 19), "4"),  # Visa
        ((16,), "51 52 53 54 55 22 23 24 25 26 27"),  # Mastercard
        ((15,), "34 37 2131 1800"),  # American Express; JCB, older
        ((14, 16), "30 36 38 39"),  # Diners
        ((16, 17, 18, 19), "35 62 64 65 81"),  # JCB, UnionPay, Discover
        ((12, 13, 14, 15, 16, 17, 18, 19), "50 56 57 58 60 63 67 69"),  # Maestro, RuPay, Discover
    )
    for leading in all_leading.split()
}
_NEVER: frozenset[int] = frozenset()


def is_valid(text: str) -> bool:
    """Whether a scheme issues numbers that begin so and are so long, and Luhn's rule holds.

    >>> is_valid("4111 1111 1111 1111"), is_valid("4111 1111 1111 1112"), is_valid("9111 1111 1111 1111")
    (True, False, False)
    """
    number = digits(text)
    lengths = _ISSUED.get(number[:2]) or _ISSUED.get(number[:1]) or _ISSUED.get(number[:4], _NEVER)
    return len(number) in lengths and luhn(number)


_GROUPED = "|".join(
    f"[2-6][0-9]{{3}}{s}[0-9]{{4}}{s}[0-9]{{4}}{s}[0-9]{{4}}(?:{s}[0-9]{{3}})?|3[0-9]{{3}}{s}[0-9]{{6}}{s}[0-9]{{4,5}}"
    for s in ("[ ]", "-")
)

RECOGNISER = Recogniser(
    name="credit_card",
    label="payment card number",
    pattern=rf"{NUMBER_BEGINS}(?:[1-68][0-9]{{11,18}}|{_GROUPED}){NUMBER_ENDS}",
    source="ISO/IEC 7812-1 (leading digits; annex B, Luhn)",
    score=0.9,
    begins="0{12,19}(?![0Aa])|0000[ -]0",
    hints=("card", "credit_card", "debit_card", "visa", "mastercard", "amex", "信用卡", "卡號", "卡号"),
    validate=is_valid,
)
