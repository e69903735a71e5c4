"""United States social security numbers."""

from privet.deidentify.checksums import all_the_same
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_GROUPS = r"(?!000|666|9[0-9]{2})[0-9]{3}%s(?!00)[0-9]{2}%s(?!0000)[0-9]{4}"
_WITH = "|".join(_GROUPS % (separator, separator) for separator in ("-", "[ ]", "[.]"))

RECOGNISER = Recogniser(
    name="us_ssn",
    label="US social security number",
    pattern=rf"{NUMBER_BEGINS}(?:{_WITH}|{_GROUPS % ('', '')}){NUMBER_ENDS}",
    source="Social Security Administration, randomised numbering since 2011: groups that are never issued",
    score=0.85,
    begins="0{9}(?![0Aa])|000[ .-]0",
    hints=("ssn", "social_security", "social_security_number"),
    validate=lambda text: not all_the_same(text) and text.replace("-", "") not in ("123456789", "078051120"),
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}{_GROUPS % ('-', '-')}{NUMBER_ENDS}",
)
