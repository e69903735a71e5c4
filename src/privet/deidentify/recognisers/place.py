"""Places: countries, states and large cities by a list; others by the words before them, or as a line of an address."""

import re

from privet.deidentify.lists import entries
from privet.deidentify.recogniser import Recogniser, Tells
from privet.deidentify.words import ENDS, LOWER, UPPER, WORD, last_word

_LONGEST = 5
# Where someone lives, goes or comes from.
_MOVES = re.compile(
    r"(?:\b(?:liv(?:e|es|ed|ing)|gr[eo]w(?:n|s|ing)? up|born|bas(?:ed)|locat(?:ed)|headquartered|resid(?:e|es|ed|ing)"
    r"|stay(?:s|ed|ing)?|work(?:s|ed|ing)?|street|house|home|office|stationed|arriv(?:e|es|ed|ing)|am|are|is|was|year"
    r"|at [A-Z][\w-]+|landed|died|raised|school|hospital|city|town|village) in"
    r"|\b(?:mov(?:e|es|ed|ing)|travel(?:s|l?ed|l?ing)?|fl(?:y|ies|ew|own|ying)|return(?:s|ed|ing)?|go|goes|going|went|drove"
    r"|driv(?:e|es|ing)|trip|flight|journey|way|relocat(?:e|es|ed|ing)|sent|train|com(?:e|es|ing)|welcome)"
    r"(?: here| back| home| over)? to"
    r"|\b(?:com(?:e|es|ing)|came|mov(?:e|es|ed|ing)|travel(?:s|l?ed|l?ing)?|fl(?:y|ies|ew|ying)|return(?:s|ed|ing)?|way"
    r"|trip|flight|down|letter)(?: here| back)? from"
    r"|\b(?:visit(?:s|ed|ing)?|near|outside|leav(?:e|es|ing)|left|reached)) $"
)
_LEADS = frozenset({"in", "to", "from", "visit", "visits", "visited", "visiting", "near", "outside", "left", "reached"})
# After a house number or an address; on a line below one.
_HOUSE = re.compile(rf"(?:[{LOWER}] [0-9]{{1,4}}\.?|\b(?:St|Street|Road|Rd|Avenue|Ave|Lane|Drive|Way)), $")
_HOUSE_ENDS = (*"0123456789.", "St", "Street", "Road", "Rd", "Avenue", "Ave", "Lane", "Drive", "Way")
_LINE = re.compile(r"\n[ >?*]*\n?[ >?*]*$")
_ABOVE = re.compile(r"(?:[Aa]pt\.?|[Ss]uite|[Uu]nit|[Ff]loor) [0-9A-Za-z]{1,5}$|[^0-9\n][ ][0-9]{1,4}$")
_CODE = re.compile(r",? (?:[A-Z]{2} )?[0-9]{4,5}(?![0-9])")
_WORDS = rf"{WORD}(?:(?: (?:and|of|the|de|la|u|am|an der))*[ \-]{WORD}){{0,4}}"
_CAPITALS = rf"[{UPPER}]{{3,}}(?:[ \-][{UPPER}]{{2,}}){{0,3}}"


_PLACES, _PLAIN = entries("places"), entries("plain_words")
_FIRST = frozenset(name.split(" ")[0].split("-")[0] for name in _PLACES)


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """The longest listed place that the words begin with, or a place that only the words around tell."""
    words = text[start:end].split(" ")
    first = words[0].lower()
    if first in _FIRST or first.partition("-")[0] in _FIRST:
        for count in range(min(_LONGEST, len(words)), 0, -1):
            place = " ".join(words[:count])
            if place.lower() in _PLACES:
                # Surer than a name of the same length: Paris and Florence are people less often.
                return start, start + len(place), 0.6 if count == 1 else 0.78
    return _told(text, start, end, first, len(words))


def _told(text: str, start: int, end: int, first: str, count: int) -> tuple[int, int, float] | None:
    """A place that no list has, by what stands around it."""
    before = text[start - 40 if start > 40 else 0 : start]
    led, after_comma, below = last_word(before) in _LEADS, before.endswith(", "), "\n" in before[-10:]
    if not (led or after_comma or below) or count > 4:
        return None
    if first in _PLAIN or first.rstrip("s") in entries("nationalities"):
        return None
    if led:
        person = first in entries("given_names") and count > 1
        told = not person and text[end : end + 2] != "'s" and _MOVES.search(_last_words(before)) is not None
    elif after_comma:
        told = before[:-2].endswith(_HOUSE_ENDS) and _HOUSE.search(before) is not None
    else:
        return (start, end, 0.74) if _in_address(text, before, end) else None
    return (start, end, 0.58) if told else None


def _last_words(before: str) -> str:
    """The last three words, which is as many as any way of moving has."""
    return " ".join(before.rsplit(" ", 4)[-4:])


def _in_address(text: str, before: str, end: int) -> bool:
    """Whether it is a line below a street or flat, above a code or the end of the line."""
    line = _LINE.search(before)
    if line is None or not _ABOVE.search(before[: line.start()]):
        return False
    return text[end : end + 1] in "\n" or _CODE.match(text, end) is not None


RECOGNISER = Recogniser(
    name="place",
    label="place",
    pattern=rf"(?:{_WORDS}|{_CAPITALS}){ENDS}",
    source="ISO 3166-1, countries; US states and Canadian provinces; large cities",
    score=0.6,
    anchors=("capital",),
    tells=Tells(first=_FIRST, before=_LEADS | {",", "0\n"}, runs=True),
    hints=("city", "country", "state", "town", "place", "birthplace"),
    locate=locate,
    cell=rf"{WORD}(?:(?: (?:and|of|the|de))*[ \-]{WORD}){{0,4}}{ENDS}",
    direct=False,
)
