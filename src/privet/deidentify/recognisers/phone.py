"""Telephone numbers: any in international form, those of national plans, and looser ones beside a word that says so."""

import re

from privet.deidentify.checksums import digits
from privet.deidentify.recogniser import Recogniser

_EXTENSION = r"(?: ?(?:x|ext\.?|#) ?[0-9]{1,5})?"
_WORLD = rf"(?:\+|00)[1-9][0-9]{{0,2}}(?:[ .\-/]{{0,2}}(?:\([0-9]{{1,4}}\)|[0-9]{{2,10}})){{1,5}}{_EXTENSION}"
_AMERICA = rf"(?:1[ .\-])?(?:\([0-9]{{3}}\) ?[0-9]{{3}}[ .\-]|[0-9]{{3}}([.\-])[0-9]{{3}}[.\-])[0-9]{{4}}{_EXTENSION}"
_AMERICA = _AMERICA.replace(r"([.\-])", r"[.\-]")
_SPACED = r"[2-9][0-9]{2} [2-9][0-9]{2}[ \-][0-9]{4}"
# In one piece, a trunk zero first.
_NATIONAL = r"(?:0[1-9][0-9]{7,9}|\(0[1-9][0-9]{0,3}\) ?(?:[0-9]{3,4}[ \-]?[0-9]{3,4}|[0-9]{5,6}))"
_CHINA = r"1[3-9][0-9](?:[0-9]{8}|[ \-][0-9]{4}[ \-][0-9]{4})"
# A trunk zero and groups, as most of Europe and Asia write them; nine digits at least, for a date has eight.
_TRUNK = r"\(?0[1-9][0-9]{0,3}\)?(?:[ .\-][0-9]{2,8}){1,4}"
_AREA = r"\([0-9]{2,4}\) ?[0-9]{3,4}[ \-][0-9]{3,4}"
_LOOSE = r"[1-9][0-9]{0,3}(?:[ .\-][0-9]{2,6}){1,4}|[0-9]{7,12}"
_DATE = r"(?:19|20)[0-9]{2}[\-.](?:0[0-9]|1[0-2])[\-.][0-3][0-9](?![0-9])"
_ALONE = f"{_WORLD}|{_AMERICA}|{_SPACED}|{_NATIONAL}|{_CHINA}|{_AREA}|{_TRUNK}"
_END = r"(?![A-Za-z0-9]|[\-/.:][0-9])"


_EXTENDED = re.compile("[xe#]")


def is_plausible(text: str) -> bool:
    """Whether there are as many digits as a telephone number has, at most 15 (E.164).

    >>> is_plausible("+886 912 345 678"), is_plausible("03-12-1985")
    (True, False)
    """
    extended = "x" in text or "e" in text or "#" in text
    count = len(digits(_EXTENDED.split(text, 1)[0] if extended else text))
    first = text[:1]
    if first == "0" and text[1:2] != "0":
        return 9 <= count <= 11
    return (8 if first in ("+", "0") else 6) <= count <= 15


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """Surer of a number in international form: nothing else is written so."""
    if not is_plausible(text[start:end]):
        return None
    return start, end, 0.92 if text[start] == "+" else RECOGNISER.score


RECOGNISER = Recogniser(
    name="phone",
    label="telephone number",
    pattern=rf"(?<![.+\-/])(?!{_DATE})(?:(?:{_ALONE}){_END}|(?:{_LOOSE}){_END})",
    source="ITU-T E.164; plans of Taiwan (NCC), mainland China (MIIT), Hong Kong (OFCA), North America (NANPA)",
    score=0.6,
    begins=r"0[ .-]\(|0{1,5}[ .-]0|0{2,5}\)|0{3,15}(?:[ ./-][ ./(0-]|\()|0{5,15}(?![0A])",
    anchors=("sign",),
    hints=("phone", "phone_number", "mobile", "tel", "telephone", "cell", "cellphone", "fax", "call", "calling",
           "answering", "reach", "dial", "sms", "whatsapp", "desk", "office", "電話", "手機", "电话", "手机", "致電",
           "致电", "傳真", "传真"),
    validate=is_plausible,
    locate=locate,
    needs_context=True,
    alone=rf"(?<![.+\-/])(?!{_DATE})(?:{_ALONE}){_END}",
)  # fmt: skip
