"""National Insurance numbers of the United Kingdom."""

from privet.deidentify.recogniser import Recogniser

# D, F, I, Q, U and V stand in neither place, O not in the second; some pairs are never given. ZZ with T is reserved
# for examples: nobody's, yet shaped so, and what a test set holds.
_PREFIX = r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"
_DIGITS = r"(?: ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?)"

RECOGNISER = Recogniser(
    name="uk_nino",
    label="UK National Insurance number",
    pattern=rf"(?:{_PREFIX}{_DIGITS}[A-Da-d]|ZZ{_DIGITS}T)(?![A-Za-z0-9])",
    source="HMRC National Insurance Manual NIM39110",
    score=0.85,
    begins="[Aa]{2} ?0",
    hints=("nino", "national_insurance", "ni_number"),
)
