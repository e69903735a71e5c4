"""Telephone numbers of Taiwan, mainland China, North America, and any in international form."""

import re

from privet.deidentify.recogniser import Recogniser

_TAIWAN = r"0(?:9\d{2}[ \-]?\d{3}[ \-]?\d{3}|[2-8]\d?[ \-]?\d{3,4}[ \-]?\d{4})|\(0[2-8]\d?\)[ \-]?\d{3,4}[ \-]?\d{4}"
_CHINA = r"1[3-9]\d[ \-]?\d{4}[ \-]?\d{4}"
_AMERICA = r"(?:1[ .\-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .\-])[2-9]\d{2}[ .\-]\d{4}(?: ?(?:x|ext\.?) ?\d{1,5})?"
_WORLD = r"(?:\+|00)[1-9]\d{0,2}(?:[ .\-()]{0,2}\d{1,4}){2,5}"


def _plausible(text: str) -> bool:
    digits: str = re.split(r"x|ext", text)[0]
    return 8 <= sum(character.isdigit() for character in digits) <= 15


RECOGNISER = Recogniser(
    name="phone",
    label="telephone number",
    pattern=re.compile(rf"(?<![\dA-Za-z.+\-/])(?:{_WORLD}|{_TAIWAN}|{_CHINA}|{_AMERICA})(?![\d\-/])"),
    source="ITU-T E.164; numbering plans of Taiwan (NCC), mainland China (MIIT) and North America (NANPA)",
    score=0.6,
    hints=("phone", "mobile", "tel", "telephone", "cell", "電話", "手機", "电话"),
    validate=_plausible,
)
