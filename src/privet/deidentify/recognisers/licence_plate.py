"""Licence plates of Taiwan, mainland China, Hong Kong, the United Kingdom and the United States."""

from privet.deidentify.hanzi import PROVINCES
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_CHINA = rf"[{PROVINCES}][A-HJ-NP-Z][ ·\-]?[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳]"
_TAIWAN = r"[A-Z]{2,3}-[0-9]{4}|[0-9]{4}-[A-Z]{2}|[A-Z0-9]{2}-[0-9]{4}"
_BRITAIN = r"[A-Z]{2}[0-9]{2} ?[A-Z]{3}"
_OTHERS = r"[A-Z]{2} ?[0-9]{3,4}|[A-Z]{3}[ \-]?[0-9]{3,4}|[0-9][A-Z]{3}[0-9]{3}"

RECOGNISER = Recogniser(
    name="licence_plate",
    label="licence plate",
    pattern=rf"{NUMBER_BEGINS}(?:{_CHINA}|{_TAIWAN}|{_BRITAIN}|{_OTHERS}){NUMBER_ENDS}",
    source="Highway Bureau of Taiwan; GA 36-2018; DVLA INF104; plates of US states and Hong Kong by form",
    score=0.62,
    begins="A{2,3}[ -]?0|A0-|0000-A|00-0|0A[-A]",
    anchors=("han",),
    hints=("plate", "licence_plate", "license_plate", "number_plate", "registration_plate", "vehicle", "車牌", "车牌",
           "車號", "车号"),
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}(?:{_CHINA}){NUMBER_ENDS}",
)  # fmt: skip
