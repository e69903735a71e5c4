"""Card numbers of Taiwan's National Health Insurance, beside a word that says so: there is no public check digit."""

from privet.deidentify.checksums import all_the_same
from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser

RECOGNISER = Recogniser(
    name="taiwan_health_card",
    label="Taiwan health-insurance card",
    pattern=rf"{NUMBER_BEGINS}(?:[0-9]{{12}}|[0-9]{{4}} [0-9]{{4}} [0-9]{{4}})(?![A-Za-z0-9]|[ \-.][0-9])",
    source="National Health Insurance Administration, card number of twelve digits",
    score=0.7,
    begins="0{12}(?![0Aa])|0000 0",
    hints=("nhi", "nhi_card", "health_card", "health_insurance", "健保卡"),
    validate=lambda text: not all_the_same(text),
    needs_context=True,
)
