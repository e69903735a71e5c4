"""Organisations: capitalised words that end as companies do, or that others speak of as of one."""

import re

from privet.deidentify.lists import entries
from privet.deidentify.recogniser import Recogniser, Tells
from privet.deidentify.words import ENDS, UPPER, WORD, last_word

_FORMS = (
    "Inc|Incorporated|Ltd|LLC|LLP|PLC|plc|Corp|Corporation|Limited|GmbH|AG|SA|S\\.A|BV|NV|Oy|AB|AS|A/S|Group|Holdings|Partners"
    "|Associates|Company|Co|Bank|Insurance|University|College|Hospital|Clinic|Institute|Foundation|Society|Laboratories"
    "|Labs|Technologies|Technology|Systems|Solutions|Services|Industries|Pharmaceuticals|Airlines|Airways|Media|Capital"
    "|Analytics|Networks?|Research|Agency|Association|Consulting|Software|Studios?|Motors|Energy|Financial|Logistics"
    "|Ventures|Trust|Global|International|Resources|Enterprises|Electronics|Communications|Reports|Union"
    "|and Sons|& Sons|& Co"
)
_PART = rf"(?:{WORD}|[{UPPER}]\.|[{UPPER}]{{2,6}}(?![a-z]))"
_FORMED = rf"{_PART}(?:(?:,? (?:and |& |of )?|-){_PART}|,? and {_PART}){{0,3}},? (?:{_FORMS})(?:\.(?=[ ,\n]|$))?{ENDS}"
_FORM_WORDS = frozenset(re.findall(r"[A-Za-z/]+", _FORMS)) | {"S.A", "Network", "Studio"}
_WORD = rf"(?:{WORD}|[{UPPER}]{{2,6}}(?![a-z])|[{UPPER}]\.)"
_PATTERN = rf"(?:{_WORD}|[{UPPER}])(?:(?:,? (?:and |& |of )?|-){_WORD}){{0,5}}{ENDS}"
_FORM = re.compile(_FORMED)
# Words that begin no name of an organisation that only the words around tell.
_NO_FIRST = entries("plain_words") | entries("places") | entries("given_names")
_DOUBLE = re.compile(rf"{WORD}-{WORD}(?:-{WORD})?{ENDS}")
# Who employs, and what is employed at, founded or run.
_EMPLOYS = re.compile(
    r"\b(?:work(?:s|ed|ing)? (?:for|at|with)|employ(?:ed|ee|ees) (?:by|at|of)|joined|hired by|year at|founded|became"
    r"|intern(?:ed|ship)? at|(?:CEO|CFO|CTO|founder|president|director|chair(?:man|woman)?|head|manager) of|manager at"
    r"|acquired(?: by)?|subsidiary of|shares (?:of|in)|employer(?: is|:)|[Cc]ompany:|[Ee]mployer:|address of"
    r"|recorded for|account (?:at|with)|customer of|(?:partner|job|position) at|meet \w+day at) $"
)
_LEADS = frozenset({"for", "at", "with", "by", "of", "joined", "founded", "acquired", "became", "is", "in",
                    "employer:", "company:"})  # fmt: skip
_DOES = re.compile(
    r" (?:is the brainchild|was (?:founded|established)|(?:employs|announced|acquired|invested)\b|is headquartered"
    r"|has offices|is a (?:company|firm|non-?profit|501|start-?up|subsidiary|bank|provider)"
    r"|(?:offices?|resignation|employees|shares|stock|customers)\b)"
)
# More words of a name, the end of a line, or the first word of what it does.
_GOES_ON = frozenset(
    {" A", ", A", " and", ", and", " &", ", &", " of", ", of", "-", "\n", " plc", ", plc"}
    | set(re.findall(" [a-z]+", " is was has employs announced acquired invested offices office resignation employees"))
    | {" shares", " stock", " customers"}
)
_IS = re.compile(" (?:is|has|was)\\b")
_LINE = re.compile(r"(?:^|\n[ >?*]*)$")
_ADDRESS_BELOW = re.compile(r"[ ]*\n[ >?*\n]*(?:[0-9]{1,6}|Unit|PSC|USNS|USS|PO Box|P\.O\. Box|[Tt]he corner) ")


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """By its form; else by what it does, by who works there, or as the line above an address."""
    run = text[start:end]
    words = run.replace(",", " ").replace("-", " ").split()
    if not _FORM_WORDS.isdisjoint(words):
        formed = _FORM.match(text, start)
        if formed is not None:
            return start, formed.end(), 0.74
    after = text[end : end + 1]
    before = text[start - 32 if start > 32 else 0 : start]
    lead = last_word(before) in _LEADS
    if not lead and after != "\n" and (after != " " or not ("-" in run or _DOES.match(text, end))):
        return None
    end = start + len(run.partition(",")[0].partition(" and ")[0])
    return _told(text, start, end, words[0].lower(), before, lead)


def _told(text: str, start: int, end: int, first: str, before: str, lead: bool) -> tuple[int, int, float] | None:
    """An organisation by the words around it, where those name no person."""
    if first in _NO_FIRST:
        return None
    if before.endswith((". ", "'s ")):
        return None
    if (lead and _EMPLOYS.search(before)) or _DOES.match(text, end):
        return start, end, 0.73
    if text[end : end + 1] == "\n" and _LINE.search(before) and _ADDRESS_BELOW.match(text, end):
        return start, end, 0.6
    double = _DOUBLE.match(text, start)
    return (start, end, 0.6) if double and double.end() == end and _IS.match(text, end) else None


RECOGNISER = Recogniser(
    name="organisation",
    label="organisation",
    pattern=_PATTERN,
    source="Legal forms of companies; kinds of institution",
    score=0.74,
    anchors=("capital",),
    tells=Tells(before=frozenset(lead.rstrip(":") for lead in _LEADS), after=_GOES_ON, within=_FORM_WORDS, runs=True),
    hints=("company", "employer", "organisation", "organization", "institution", "bank_name"),
    locate=locate,
    cell=_FORMED,
    direct=False,
)
