"""Names of people: by lists of given names and surnames, by titles, and by words that introduce a name. No model."""

import re
import string

from privet.deidentify.hanzi import DOUBLE, HAN, SURNAMES
from privet.deidentify.lists import entries
from privet.deidentify.recogniser import Recogniser, Tells
from privet.deidentify.words import LINK, NAME

_CHINESE = rf"(?:{DOUBLE}|[{SURNAMES}])[{HAN}]{{1,3}}"
_COLUMN_WORD = r"[A-ZÀ-Þ][A-Za-zÀ-ÿ'’\-]*\.?"
_LATIN = rf"{_COLUMN_WORD}(?: (?:van|von|de|der|la|bin|al) )?(?:[ ,]{{1,2}}{_COLUMN_WORD}){{1,4}}"

_TITLE = re.compile(
    r"(?:\b(?:[MD]rs?|Ms|Miss|Prof|Sir|Madam|Lord|Lady)\.? |\b(?:[Nn]ame(?: is)?|I am|I'm|[Cc]alled|[Ss]igned):?\s+)$"
)
_INTRODUCED = re.compile(
    r"\b(?:Dear|Hi|Hello|Hey|Thanks|Regards|with|by|from|and|to|for|than|of|is|met|meet|ask|like|named|call(?:ed)?|me|him"
    r"|her|says|said|told|asked|thank|wife|husband|son|daughter|brother|sister|mother|father|friend),?:?\s+$"
)
# What only a person is or does: these make a name of any capitalised word.
_IS_ONE = re.compile(
    r"(?:\b(?:[Mm]y name is|name(?:d| is)|call(?:s|ed)? (?:me|him|her)|named (?:him|her)|[Uu]ser:|[Nn]ame:|[Pp]atient"
    r"|[Dd]ear|here's|married|[Uu]nlike the|says|ex-[A-Z][a-z]+"
    r"|my (?:wife|husband|son|daughter|brother|sister|mother|father|friend|boss|neighbou?r|doctor)(?: is)?) )$"
)
_DOES = re.compile(
    r"(?:'s (?:address|phone|number|e-?mail|account|birthday|wife|husband|mother|father|son|daughter|brother|sister"
    r"|novel)| had given| lives (?:on|at|in)| was born| is married| told| asked me|, can I| and I|, please"
    r"| spent a year)\b"
)
# A small word before, not the small end of a capitalised one.
_NO_SMALL = frozenset(string.ascii_letters + "\"'’-")
_ADDRESS_AHEAD = re.compile(
    r",? (?:[0-9]|(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Court|Square|Island|County|University)\b)"
)


# The last words that any of these can end in: where another stands before, none of them is looked for.
_LEADS = entries("name_leads")
_GIVEN, _PLAIN, _PLACES = entries("given_names"), entries("plain_words"), entries("places")
# More words of a name, or the first word of what a person is or does.
_GOES_ON = frozenset(
    {" A", "-", "'", ", can", ", please"}
    | set(re.findall(" [a-z]+", " had lives was is told asked and spent"))
    | {f" {link.partition(' ')[0]}" for link in LINK[3:-1].split("|")}
)


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """Whether a run of capitalised words names a person, and how sure that is."""
    run = text[start:end]
    names = run.lower().split(" ")
    first = names[0]
    if first in _PLAIN and not (len(names) > 1 and first in _GIVEN and names[-1] in entries("surnames")):
        return None
    while len(names) > 1 and names[-1] in _PLAIN:
        names.pop()
        run = run.rpartition(" ")[0]
    stop = start + len(run)
    before = text[start - 24 if start > 24 else 0 : start]
    led = _led(before)
    sure = _alone(first, before, led) if len(names) == 1 else _full(names, before, led)
    if not sure and len(names) == 1 and first not in _PLAIN and _is_one(text, stop, before, led):
        sure = 0.57
    return (start, stop, sure) if sure and not _is_other(text, start, stop) else None


def _is_one(text: str, stop: int, before: str, led: bool) -> bool:
    """Whether only a person is or does what stands around an unknown word."""
    if led and _IS_ONE.search(before):
        return True
    return text[stop : stop + 1] in ("'", " ", ",") and _DOES.match(text, stop) is not None


def _led(before: str) -> bool:
    """Whether the word before may introduce a name."""
    if not before[-1:].isspace():
        return False
    words = before.rsplit(None, 1)
    last = words[-1].strip(".,:;\"'").lower() if words else ""
    return last in _LEADS or last.startswith("ex-")


def _is_other(text: str, start: int, stop: int) -> bool:
    """Whether an address goes on, a word that ends in "n't", or the whole is a place."""
    if text[stop : stop + 2] == "'t" or _ADDRESS_AHEAD.match(text, stop):
        return True
    return text[start:stop].lower() in _PLACES


def _is_given(word: str) -> bool:
    """Of a double name, the first part."""
    return word in _GIVEN or ("-" in word and word.partition("-")[0] in _GIVEN)


def _alone(word: str, before: str, led: bool) -> float:
    if led and _TITLE.search(before):
        return 0.7
    if _is_given(word):
        return 0.55
    return 0.5 if led and word in entries("surnames") and _INTRODUCED.search(before) else 0.0


def _full(names: list[str], before: str, led: bool) -> float:
    initial = len(names) > 2 and any(len(name.rstrip(".")) == 1 for name in names[1:-1])
    if initial or (led and _TITLE.search(before)):
        return 0.75
    if _is_given(names[0]):
        return 0.72
    if len(names) > 2:
        return 0.0
    if names[-1] in entries("surnames") and names[0] in entries("surnames"):
        return 0.5
    # Two unknown words that begin a line or follow a word in small letters are a name more often than not.
    return 0.45 if _begins(before) else 0.0


def _begins(before: str) -> bool:
    """Whether a line or sentence begins, or a word in small letters stands before."""
    if not before or before[-1] == "\n":
        return True
    rest = before[:-1].rstrip(string.ascii_lowercase)
    if before[-1] != " " or len(rest) == len(before) - 1:
        return before[-1] == " " and before[-2:-1] in (".", "!", "?")
    return not rest or rest[-1] not in _NO_SMALL


RECOGNISER = Recogniser(
    name="person_name",
    label="person's name",
    pattern=NAME,
    source="US Census Bureau, names of 1990; Chinese-Names-Corpus; Ministry of the Interior, surnames of Taiwan",
    score=0.4,
    anchors=("capital",),
    tells=Tells(first=_GIVEN, before=_LEADS | {"ex-"}, after=_GOES_ON, runs=True),
    hints=("name", "full_name", "fullname", "surname", "patient", "姓名", "名字"),
    locate=locate,
    cell=rf"{_CHINESE}|{_LATIN}",
)
