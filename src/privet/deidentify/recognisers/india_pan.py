"""Permanent account numbers of India's income tax."""

from privet.deidentify.recogniser import Recogniser

RECOGNISER = Recogniser(
    name="india_pan",
    label="Indian PAN",
    pattern=r"[A-Z]{3}[ABCFGHJLPT][A-Z](?!0000)[0-9]{4}[A-Z](?![A-Za-z0-9])",
    source="Income-tax Rules 1962, rule 114; the fourth letter is the holder's kind",
    score=0.85,
    begins="A{5}00",
    hints=("pan", "pan_number", "pan_card"),
)
