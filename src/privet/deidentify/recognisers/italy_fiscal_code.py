"""Fiscal codes of Italy."""

from privet.deidentify.recogniser import Recogniser

_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
         10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def is_valid(text: str) -> bool:
    """Whether the last letter is that of the sum of odd and even places modulo 26.

    >>> is_valid("RSSMRA85T10A562S"), is_valid("RSSMRA85T10A562T")
    (True, False)
    """
    plain = text.upper()
    even = sum(int(character) if character.isdigit() else ord(character) - 65 for character in plain[1:15:2])
    return (sum(_ODD[character] for character in plain[:15:2]) + even) % 26 == ord(plain[15]) - 65


# People who would share a code get letters in place of digits (omocodia).
_DIGIT = "[0-9L-NP-VLl-np-v]"

RECOGNISER = Recogniser(
    name="italy_fiscal_code",
    label="Italian fiscal code",
    pattern=(
        rf"[A-Za-z]{{6}}{_DIGIT}{{2}}[A-EHLMPRSTa-ehlmprst]{_DIGIT}{{2}}[A-Za-z]{_DIGIT}{{3}}[A-Za-z](?![A-Za-z0-9])"
    ),
    source="Decreto Ministeriale 23 December 1976, check character",
    score=0.95,
    begins="[Aa]{6,15}(?![Aa])",
    hints=("codice_fiscale", "fiscal_code", "cf"),
    validate=is_valid,
)
