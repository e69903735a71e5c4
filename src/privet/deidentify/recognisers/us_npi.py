"""National provider identifiers of health care in the United States."""

from privet.deidentify.checksums import luhn
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser


def is_valid(text: str) -> bool:
    """Whether Luhn's rule holds after the prefix of US health cards, 80840.

    >>> is_valid("1234567893"), is_valid("1234567894")
    (True, False)
    """
    return luhn("80840" + text)


RECOGNISER = Recogniser(
    name="us_npi",
    label="US provider identifier",
    pattern=rf"{NUMBER_BEGINS}[12][0-9]{{9}}{NUMBER_ENDS}",
    source="45 CFR 162.406; CMS, check digit of the NPI",
    score=0.75,
    begins="0{10}(?![0Aa])",
    hints=("npi", "provider_identifier", "provider_id", "national_provider"),
    validate=is_valid,
    needs_context=True,
)
