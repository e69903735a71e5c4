"""India's Aadhaar numbers."""

from privet.deidentify.checksums import digits, verhoeff
from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser


def is_valid(text: str) -> bool:
    """Whether Verhoeff's rule holds and the number is not the same backwards.

    >>> is_valid("2341 2341 2346"), is_valid("2341 2341 2347")
    (True, False)
    """
    number = digits(text)
    return number != number[::-1] and verhoeff(number)


_GROUPED = r"[2-9][0-9]{3} [0-9]{4} [0-9]{4}|[2-9][0-9]{3}-[0-9]{4}-[0-9]{4}"

RECOGNISER = Recogniser(
    name="india_aadhaar",
    label="Aadhaar number",
    pattern=rf"{NUMBER_BEGINS}(?:{_GROUPED}|[2-9][0-9]{{11}})(?![A-Za-z0-9]|[ \-.][0-9])",
    source="UIDAI, Aadhaar numbering scheme (Verhoeff)",
    score=0.75,
    begins="0000[ -]0|0{12}(?![0Aa])",
    hints=("aadhaar", "aadhar", "uid", "uidai"),
    validate=is_valid,
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}(?:{_GROUPED})(?![A-Za-z0-9]|[ \-.][0-9])",
)
