"""Medicare beneficiary identifiers."""

from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser

_C, _A, _AN = "[1-9]", "[AC-HJKMNP-RT-Y]", "[0-9AC-HJKMNP-RT-Y]"

RECOGNISER = Recogniser(
    name="us_mbi",
    label="Medicare identifier",
    pattern=rf"{NUMBER_BEGINS}{_C}{_A}{_AN}[0-9]-?{_A}{_AN}[0-9]-?{_A}{_A}[0-9]{{2}}(?![A-Za-z0-9])",
    source="CMS, Understanding the Medicare Beneficiary Identifier format (2017): no S, L, O, I, B, Z",
    score=0.85,
    begins="0A[0A]",
    hints=("mbi", "medicare", "beneficiary"),
)
