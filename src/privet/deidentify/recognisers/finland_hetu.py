"""Personal identity codes of Finland."""

from privet.deidentify.checksums import is_date
from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser

_CENTURIES = {"+": 1800} | dict.fromkeys("-YXWVU", 1900) | dict.fromkeys("ABCDEF", 2000)


def is_valid(text: str) -> bool:
    """Whether the birth date exists and the check character is that of the nine digits modulo 31.

    >>> is_valid("131052-308T"), is_valid("131052-308U")
    (True, False)
    """
    plain = text.upper()
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(plain[:6] + plain[7:10]) % 31]
    year = _CENTURIES[plain[6]] + int(plain[4:6])
    return check == plain[10] and is_date(year, int(plain[2:4]), int(plain[:2]))


RECOGNISER = Recogniser(
    name="finland_hetu",
    label="Finnish identity code",
    pattern=rf"{NUMBER_BEGINS}[0-3][0-9][01][0-9]{{3}}[+\-YXWVUA-Fyxwvua-f][0-9]{{3}}[0-9A-FHJ-NPR-Ya-fhj-npr-y](?![A-Za-z0-9])",
    source="Digital and Population Data Services Agency; Valtioneuvoston asetus 128/2010 and new signs of 2023",
    score=0.95,
    begins="0{6}[-+Aa]0",
    hints=("hetu", "henkilotunnus", "henkilötunnus"),
    validate=is_valid,
)
