"""Taiwan's national identification and (since 2021) resident certificate numbers."""

from privet.deidentify.checksums import weighted_sum
from privet.deidentify.recogniser import NUMBER_ENDS, Recogniser

# The letter of the place of first registration stands for two digits, 10 to 35.
PLACES = {letter: number for number, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO", start=10)}
WEIGHTS = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)


def is_valid(text: str) -> bool:
    """Whether the last digit makes the weighted sum a multiple of ten.

    >>> is_valid("A123456789"), is_valid("A123456788")
    (True, False)
    """
    return weighted_sum(f"{PLACES[text[0].upper()]}{text[1:]}", WEIGHTS) % 10 == 0


RECOGNISER = Recogniser(
    name="taiwan_id",
    label="Taiwan ID number",
    pattern=rf"[A-Za-z][1289][0-9]{{8}}{NUMBER_ENDS}",
    source="Ministry of the Interior, national identification number; unified resident number since January 2021",
    score=0.95,
    begins="[Aa]00",
    hints=("taiwan_id", "id_number", "身分證", "身份證", "居留證", "national_id"),
    validate=is_valid,
)
