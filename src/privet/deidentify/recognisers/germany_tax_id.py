"""Tax identification numbers of Germany."""

from collections import Counter

from privet.deidentify.checksums import digits, mod_11_10
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser


def is_valid(text: str) -> bool:
    """Whether one digit of the first ten comes twice or three times, at least one is missing, and the check fits.

    >>> is_valid("86095742719"), is_valid("86095742718"), is_valid("11111111111")
    (True, False, False)
    """
    number = digits(text)
    times = sorted(Counter(number[:10]).values())
    return times[-1] in (2, 3) and (len(times) < 2 or times[-2] == 1) and mod_11_10(number)


RECOGNISER = Recogniser(
    name="germany_tax_id",
    label="German tax number",
    pattern=rf"{NUMBER_BEGINS}[1-9](?:[0-9]{{10}}|[0-9] [0-9]{{3}} [0-9]{{3}} [0-9]{{3}}){NUMBER_ENDS}",
    source="Abgabenordnung section 139b; ISO/IEC 7064 MOD 11,10",
    score=0.75,
    begins="00 0|0{11}(?![0Aa])",
    hints=("steuer_id", "steueridentifikationsnummer", "steuernummer", "tax_id", "idnr"),
    validate=is_valid,
    needs_context=True,
)
