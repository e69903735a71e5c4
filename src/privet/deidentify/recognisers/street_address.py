"""Postal addresses: in Latin script the street with what follows it, in Chinese by shape in a column alone."""

import re

from privet.deidentify.addresses import (
    FIRST_WORDS,
    FLAT,
    FOLLOWING,
    HOUSE_BEHIND,
    HOUSE_FIRST,
    LAST_WORDS,
    NO_HOUSE,
    begins_line,
    end_of_flat,
    end_of_town,
    goes_on_below,
    is_typed,
)
from privet.deidentify.recogniser import Recogniser, Tells

_TAIWAN = r".*[縣市區鄉鎮路街道巷弄].*[0-9]+ ?[號号].*"
_LATIN = r"(?:.*[0-9]+.*[A-Za-z]{2,}.*|.*[A-Za-z]{2,}.*[0-9]+.*)"
_BOX = r"Box [0-9]{1,6}(?![A-Za-z0-9])"
_ARMY = r"A[AEP] [0-9]{5}(?:-[0-9]{4})?(?![A-Za-z0-9])"
_IS_FLAT, _IS_ARMY = re.compile(FLAT), re.compile(_ARMY)
_BOX_BEGINS = re.compile(r"(?:(?<![A-Za-z0-9])[0-9]{1,6} )?P\.? ?O\.? $")
_UNITS = r"(?:PSC|CMR|Unit) [0-9]{1,5},?(?: Box [0-9]{1,5})?|US[A-Z]{1,4} [^\n,0-9]{2,30}"
_ARMY_BEGINS = re.compile(rf"(?:(?:{_UNITS})[,\n ][ >?*]*)?[AFD]PO,? $")
_MONTH = re.compile(r"[0-9]+ (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)")
# What stands before a house, a name and a number that are an address.
_SAYS = re.compile(r"(?:\b(?:address(?:es)?|at|to|office|is|with)|:)\s*$")
# The same before a name and a number.
_LABELS = re.compile(
    r"\b(?:address|domicilio|dirección|adresse|indirizzo|morada|adres|adress|osoite|cím):\s+$", re.IGNORECASE
)
# So far back the beginning of an address is looked for.
_BACK = 64


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """By its first word: a box, a post office of the US army, a flat, or a street."""
    before = text[start - _BACK if start > _BACK else 0 : start]
    if text.startswith("Box ", start):
        begins = _BOX_BEGINS.search(before)
        return None if begins is None else _followed(text, start - len(begins.group()), end)
    if _IS_ARMY.match(text, start):
        begins = _ARMY_BEGINS.search(before)
        return None if begins is None else (start - len(begins.group()), end, 0.92)
    if _IS_FLAT.match(text, start):
        return start, end, 0.6
    if text.endswith(LAST_WORDS, start, end) and not text[start].isdigit():
        return start, end, 0.62  # no house
    if is_typed(text, start):
        return _followed(text, start, end)
    if text[start].isalpha():
        return _followed(text, start, end) if _LABELS.search(before) else None
    if _MONTH.match(text, start):
        return None
    # A house, a name and a number: only where the words around say that it is an address.
    laid_out = begins_line(text, start) and goes_on_below(text, end)
    if laid_out or _SAYS.search(before) or end_of_flat(text, end):
        return _followed(text, start, end)
    return None


def _followed(text: str, start: int, end: int) -> tuple[int, int, float]:
    """A street with all that follows it; laid out line by line each part is a finding of its own kind."""
    if begins_line(text, start) and goes_on_below(text, end):
        return start, end, 0.65
    flat = end_of_flat(text, end)
    town = end_of_town(text, end if flat is None else flat)
    return (start, town, 0.8) if town is not None else (start, flat or end, 0.75)


RECOGNISER = Recogniser(
    name="street_address",
    label="street address",
    pattern=rf"(?:{HOUSE_FIRST}|{FLAT}|{_BOX}|{_ARMY}|{HOUSE_BEHIND}|{NO_HOUSE})",
    source="Shape of addresses in Taiwan and in Latin script; USPS Publication 28, suffixes, boxes and military mail",
    score=0.65,
    begins="0{1,6} [Aa0?]|Aa{2,8}(?: 0|[.] )|AA 0",
    anchors=("capital",),
    tells=Tells(first=FIRST_WORDS, before=frozenset({":"}), after=FOLLOWING, within=frozenset(LAST_WORDS)),
    hints=("address", "street", "addr", "residence", "地址", "住址"),
    locate=locate,
    cell=rf"(?s:{_TAIWAN}|{_LATIN})",
)
