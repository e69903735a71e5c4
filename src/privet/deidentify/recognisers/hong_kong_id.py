"""Hong Kong identity card numbers."""

from privet.deidentify.checksums import weighted_sum
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser


def is_valid(text: str) -> bool:
    """Whether the weighted sum is a multiple of 11; letters count 10 to 35, a missing first letter 36, A at the end 10.

    >>> is_valid("A123456(3)"), is_valid("A123456(4)"), is_valid("AB987654(3)")
    (True, False, True)
    """
    plain = text.upper().replace("(", "").replace(")", "").replace(" ", "").rjust(9)
    first = [36 if character == " " else ord(character) - 55 for character in plain[:2]]
    check = 10 if plain[8] == "A" else int(plain[8])
    return (first[0] * 9 + first[1] * 8 + weighted_sum(plain[2:8], (7, 6, 5, 4, 3, 2)) + check) % 11 == 0


RECOGNISER = Recogniser(
    name="hong_kong_id",
    label="Hong Kong ID number",
    pattern=rf"[A-Za-z]{{1,2}}[0-9]{{6}} ?(?:\([0-9Aa]\)|[0-9Aa]{NUMBER_ENDS})",
    source="Immigration Department, HKIC check digit (modulus 11)",
    score=0.8,
    begins="[Aa]{1,2}00",
    hints=("hkid", "hkic", "hong_kong_id", "identity_card", "香港身份證", "身份證"),
    validate=is_valid,
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}(?:[A-Z]{{1,2}}[0-9]{{6}} ?\([0-9A]\)){NUMBER_ENDS}",
)
