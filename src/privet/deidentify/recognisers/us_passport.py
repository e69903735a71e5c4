"""Passport numbers of the United States, beside a word that says so."""

from privet.deidentify.checksums import all_the_same
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

RECOGNISER = Recogniser(
    name="us_passport",
    label="passport number",
    pattern=rf"{NUMBER_BEGINS}[A-Z]?[0-9]{{8,9}}{NUMBER_ENDS}",
    source="US Department of State: nine digits, or a letter and eight (next generation passport)",
    score=0.7,
    begins="0{8,9}(?![0Aa])|A00",
    hints=("passport", "passport_number", "護照", "护照"),
    validate=lambda text: len(text) == 9 and not all_the_same(text),
    needs_context=True,
)
