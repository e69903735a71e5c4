"""Numbers of Taiwan's resident certificates as issued until 2020, two letters first."""

from privet.deidentify.checksums import weighted_sum
from privet.deidentify.recogniser import NUMBER_ENDS, Recogniser
from privet.deidentify.recognisers.taiwan_id import PLACES, WEIGHTS


def is_valid(text: str) -> bool:
    """Whether the weighted sum is a multiple of ten; of the second letter's number only the last digit counts.

    >>> is_valid("AC01234567"), is_valid("AC01234568")
    (True, False)
    """
    plain = text.upper()
    return weighted_sum(f"{PLACES[plain[0]]}{PLACES[plain[1]] % 10}{plain[2:]}", WEIGHTS) % 10 == 0


RECOGNISER = Recogniser(
    name="taiwan_resident_certificate",
    label="Taiwan resident certificate",
    pattern=rf"[A-Za-z][A-Da-d][0-9]{{8}}{NUMBER_ENDS}",
    source="National Immigration Agency, uniform ID number before January 2021",
    score=0.93,
    begins="[Aa]{2}00",
    hints=("arc", "resident_certificate", "居留證", "統一證號"),
    validate=is_valid,
)
