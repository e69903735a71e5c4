"""Dates of any event: written out or in numbers, with a time; days of the week; years beside a word that says so."""

import re

from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser, Tells
from privet.deidentify.recognisers.birth_date import BEGINS, WRITTEN, exists
from privet.deidentify.words import LOWER

_TIME = r"(?:[T ,]{1,2}[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?(?: ?[AaPp]\.?[Mm]\.?|Z)?)?"
_CLOCK = re.compile(rf"{_TIME}$")
_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_FIRST = frozenset(
    re.findall(
        "[a-z]+",
        "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
        "september october november december jan feb mar apr jun jul aug sep sept oct nov dec",
    )
)
_WORDS = ("in ", "In ", "since ", "Since ", "During ", "during ", "until ", "Until ", "year ", "by ", " a ", "of ")
_BEFORE_YEAR = "(?:" + "|".join(f"(?<={word})" for word in _WORDS) + ")"
_YEAR = rf"{_BEFORE_YEAR}(?:19|20)[0-9]{{2}}(?![0-9A-Za-z]|[.,/:\-][0-9])"
_A_YEAR = re.compile("(?:19|20)[0-9]{2}")
_SLASHES = r"(?<![.\-/])(?:0?[1-9]|[12][0-9]|3[01])/(?:0?[1-9]|[12][0-9]|3[01])/[0-9]{2}(?![0-9/])"
# How a date begins: most numbers and words are told from one by their first characters.
_MAY_BE = r"(?=[0-9]{1,4}(?:[\-/.年]|[ ][年]|(?:st|nd|rd|th)?[ \-](?:of )?[A-Za-z])|民|[JFMASONDjfmasond][a-z]{2})"


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """A date that exists; less sure of a year or a day alone."""
    found = text[start:end]
    if found.endswith("day"):
        return start, end, 0.5
    if len(found) == 4 and _A_YEAR.fullmatch(found):
        # "a 2021 film" has a year, "a 2021 of something" is any number.
        after = text[end : end + 2]
        return (start, end, 0.45) if text[start - 3 : start] != " a " or after[1:].isupper() else None
    bare = _CLOCK.sub("", found) if ":" in found else found
    return (start, end, 0.55) if ("/" in bare and _two_digits(bare)) or exists(bare) else None


def _two_digits(text: str) -> bool:
    parts = text.split("/")
    return len(parts) == 3 and len(parts[2]) == 2 and exists("/".join([*parts[:2], f"19{parts[2]}"]))


RECOGNISER = Recogniser(
    name="date",
    label="date of an event",
    pattern=rf"(?:{_MAY_BE}{NUMBER_BEGINS}{WRITTEN}(?![0-9]|[.\-/][0-9]){_TIME}|{_SLASHES}|{_YEAR}|{_DAY}(?![{LOWER}]))",
    source="45 CFR 164.514(b)(2)(i)(C), all elements of dates; ISO 8601; common written forms",
    score=0.55,
    begins=rf"{BEGINS}|0{{1,2}}/0|0{{4}}(?![0Aa])|Aa{{5,8}}(?!a)",
    anchors=("han", "capital"),
    tells=Tells(first=_FIRST),
    hints=("date", "datum", "fecha", "日期"),
    locate=locate,
    cell=rf"{WRITTEN}{_TIME}",
    direct=False,
)
