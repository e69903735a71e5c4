"""Street addresses: number and street in English or Chinese text; in a column by its name and shape."""

from privet.deidentify.recogniser import Recogniser
from privet.deidentify.words import LOWER, UPPER

_TAIWAN = r".*[縣市區鄉鎮路街道巷弄].*[0-9]+ ?[號号].*"
_LATIN = r"(?:.*[0-9]+.*[A-Za-z]{2,}.*|.*[A-Za-z]{2,}.*[0-9]+.*)"
_STREETS = (
    "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Boulevard|Blvd|Way|Place|Pl|Terrace|Crescent|Close"
    "|Highway|Hwy|Parkway|Pkwy|Circle|Trail|Row|Plaza|Loop|Grove|Gardens|Park"
)
_PART = rf"[{UPPER}0-9][{UPPER}{LOWER}0-9.'’\-]*"
_UNIT = r"(?:,? ?\n? ?(?:Apt|Suite|Unit|Ste|Floor)\.? [0-9A-Za-z]{1,5})"
_ENGLISH = (
    rf"[0-9]{{1,6}} (?=[{UPPER}]|[0-9]+(?:st|nd|rd|th) )(?:{_PART} ){{1,4}}(?:(?:{_STREETS})\.?{_UNIT}?|{_PART}{_UNIT})"
    rf"(?:,? [{UPPER}][{LOWER}]+)?(?:,? [A-Z]{{2}},? ?(?:[0-9]{{5}})?)?(?![A-Za-z0-9])"
)

RECOGNISER = Recogniser(
    name="street_address",
    label="street address",
    pattern=_ENGLISH,
    source="Shape of addresses in Taiwan and of street, number and town in Latin script; USPS Publication 28, suffixes",
    score=0.65,
    begins="0{1,6} [A0?]",
    hints=("address", "street", "addr", "residence", "地址", "住址"),
    cell=rf"(?s:{_TAIWAN}|{_LATIN})",
)
