"""Organisations: capitalised words that end as companies, banks, schools and hospitals do."""

from privet.deidentify.recogniser import Recogniser
from privet.deidentify.words import ENDS, WORD

_FORMS = (
    "Inc|Ltd|LLC|LLP|PLC|plc|Corp|Corporation|Limited|GmbH|AG|SA|S\\.A|BV|NV|Oy|AB|AS|A/S|Group|Holdings|Partners|Associates"
    "|Company|Co|Bank|Insurance|University|College|Hospital|Clinic|Institute|Foundation|Society|Laboratories|Technologies"
    "|Systems|Solutions|Services|Industries|Pharmaceuticals|Airlines|Media|Capital|Analytics|and Sons|& Sons|& Co"
)
_PATTERN = (
    rf"{WORD}(?:(?:,? (?:and |& |of )?|-){WORD}|,? and {WORD}){{0,3}},? (?:{_FORMS})(?:\.(?=[ ,\n]|$))?{ENDS}"
    rf"|{WORD}-{WORD}(?:-{WORD})?{ENDS}(?= (?:is|has|was)\b)"
)

RECOGNISER = Recogniser(
    name="organisation",
    label="organisation",
    pattern=_PATTERN,
    source="Legal forms of companies; kinds of institution",
    score=0.74,
    anchors=("capital",),
    hints=("company", "employer", "organisation", "organization", "institution", "bank_name"),
    cell=_PATTERN,
    direct=False,
)
