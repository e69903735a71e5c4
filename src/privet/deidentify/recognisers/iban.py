"""International bank account numbers."""

from privet.deidentify.checksums import mod_97
from privet.deidentify.recogniser import Recogniser

# Lengths in the registry, by country.
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE BI", 18: "DK FI FO GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def is_valid(text: str) -> bool:
    """Whether the length is the country's and the number, country and check digits last, leaves 1 when divided by 97.

    >>> is_valid("GB82 WEST 1234 5698 7654 32"), is_valid("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = text.replace(" ", "").replace("-", "").upper()
    return len(plain) == _LENGTHS.get(plain[:2], 0) and mod_97(plain[4:] + plain[:4]) == 1


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """Ends the number where its country's length is reached, for words may follow."""
    wanted, seen = _LENGTHS.get(text[start : start + 2].upper(), 99), 0
    for place in range(start, end):
        seen += text[place] not in " -"
        if seen == wanted:
            after = text[place + 1 : place + 2]
            free = not (after.isascii() and after.isalnum())
            return (start, place + 1, RECOGNISER.score) if free and is_valid(text[start : place + 1]) else None
    return None


RECOGNISER = Recogniser(
    name="iban",
    label="IBAN",
    pattern=r"[A-Za-z]{2}[0-9]{2}(?:[ \-]?[A-Za-z0-9]){11,29}",
    source="ISO 13616-1 and its registry (lengths); ISO/IEC 7064 MOD 97-10",
    score=0.98,
    begins="[Aa]{2}00",
    hints=("iban", "bank_account", "帳號", "账号"),
    validate=is_valid,
    locate=locate,
)
