"""United States social security numbers."""

import re

from privet.deidentify.recogniser import Recogniser

RECOGNISER = Recogniser(
    name="us_ssn",
    label="US social security number",
    pattern=re.compile(r"(?<![\d\-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d\-])"),
    source="Social Security Administration, randomised numbering since 2011: groups that are never issued",
    score=0.85,
    hints=("ssn", "social_security"),
)
