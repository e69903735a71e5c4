"""Identity numbers of Spain (DNI) and of foreigners there (NIE)."""

from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser


def is_valid(text: str) -> bool:
    """Whether the letter is that of the number modulo 23; X, Y, Z stand for 0, 1, 2.

    >>> is_valid("12345678Z"), is_valid("X1234567L"), is_valid("12345678A")
    (True, True, False)
    """
    plain = text.upper().replace("-", "").replace(".", "").replace(" ", "")
    number = plain[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == plain[-1]


_LETTER = "[A-HJ-NP-TV-Za-hj-np-tv-z]"

RECOGNISER = Recogniser(
    name="spain_id",
    label="Spanish ID number",
    pattern=(
        rf"{NUMBER_BEGINS}(?:(?:[0-9]{{8}}|[0-9]{{2}}\.[0-9]{{3}}\.[0-9]{{3}})[ \-]?{_LETTER}"
        rf"|[XYZxyz][ \-]?[0-9]{{7}}[ \-]?{_LETTER})(?![A-Za-z0-9])"
    ),
    source="Real Decreto 1553/2005; Orden INT/2058/2008, control letter of the NIF",
    score=0.9,
    begins=r"0{8}[ -]?[Aa]|00\.0|[Aa](?:[ -]0|00)",
    hints=("dni", "nie", "nif"),
    validate=is_valid,
)
