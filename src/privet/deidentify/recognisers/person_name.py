"""Names of people: by lists of given names and surnames, by titles, and by words that introduce a name. No model."""

import re

from privet.deidentify.hanzi import DOUBLE, HAN, SURNAMES
from privet.deidentify.lists import entries
from privet.deidentify.recogniser import Recogniser
from privet.deidentify.words import NAME, pieces

_CHINESE = rf"(?:{DOUBLE}|[{SURNAMES}])[{HAN}]{{1,3}}"
_COLUMN_WORD = r"[A-ZÀ-Þ][A-Za-zÀ-ÿ'’\-]*\.?"
_LATIN = rf"{_COLUMN_WORD}(?: (?:van|von|de|der|la|bin|al) )?(?:[ ,]{{1,2}}{_COLUMN_WORD}){{1,4}}"

_TITLE = re.compile(
    r"(?:\b(?:[MD]rs?|Ms|Miss|Prof|Sir|Madam|Lord|Lady)\.? |\b(?:[Nn]ame(?: is)?|I am|I'm|[Cc]alled|[Ss]igned):?\s+)$"
)
_INTRODUCED = re.compile(
    r"\b(?:Dear|Hi|Hello|Hey|Thanks|Regards|with|by|from|and|to|for|than|of|is|met|meet|ask|like),?:?\s+$"
)
_BEGINS = re.compile(r"(?:^|\n|[.!?] |[a-z] )$")
_ADDRESS_AHEAD = re.compile(
    r",? (?:[0-9]|(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Court|Square|Island|County|University)\b)"
)


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """Whether a run of capitalised words names a person, and how sure that is."""
    words = pieces(text[start:end])
    given, plain = entries("given_names"), entries("plain_words")
    first, last = words[0][1].lower(), words[-1][1].lower()
    if first in plain and not (len(words) > 1 and first in given and last in entries("surnames")):
        return None
    before = text[max(0, start - 24) : start]
    while len(words) > 1 and words[-1][1].lower() in plain:
        words.pop()
    stop = start + words[-1][0] + len(words[-1][1])
    if (
        _ADDRESS_AHEAD.match(text, stop)
        or text[stop : stop + 2] == "'t"
        or text[start:stop].lower() in entries("places")
    ):
        return None
    sure = _alone(words[0][1], before) if len(words) == 1 else _full(words, before)
    return (start, stop, sure) if sure else None


def _is_given(word: str) -> bool:
    """Of a double name, the first part."""
    return word.lower().partition("-")[0] in entries("given_names")


def _alone(word: str, before: str) -> float:
    known = _is_given(word)
    if _TITLE.search(before):
        return 0.7
    if known:
        return 0.55
    return 0.5 if word.lower() in entries("surnames") and _INTRODUCED.search(before) else 0.0


def _full(words: list[tuple[int, str]], before: str) -> float:
    names = [word.lower() for _, word in words]
    initial = any(len(name.rstrip(".")) == 1 for name in names[1:-1])
    if _TITLE.search(before) or initial:
        return 0.75
    if _is_given(names[0]):
        return 0.72
    if names[-1] in entries("surnames") and len(names) == 2 and names[0] in entries("surnames"):
        return 0.5
    # Two unknown words that begin a line or follow a word in small letters are a name more often than not.
    return 0.45 if len(names) == 2 and _BEGINS.search(before) else 0.0


RECOGNISER = Recogniser(
    name="person_name",
    label="person's name",
    pattern=NAME,
    source="US Census Bureau, names of 1990; Chinese-Names-Corpus; Ministry of the Interior, surnames of Taiwan",
    score=0.4,
    anchors=("capital",),
    hints=("name", "full_name", "fullname", "surname", "patient", "姓名", "名字"),
    locate=locate,
    cell=rf"{_CHINESE}|{_LATIN}",
)
