"""Addresses in Chinese text: from the house number back to the road, the district and the province."""

import re

from privet.deidentify.hanzi import HAN
from privet.deidentify.recogniser import Recogniser

_NUMBER = "[0-9一二三四五六七八九十]{1,4}"
_KINDS = "省|自治區|自治区|特別行政區|特别行政区|市|縣|县|區|区|鄉|乡|鎮|镇|旗|街道|村|里"
_AREA = rf"(?:[{HAN}]{{1,7}}?(?:{_KINDS}))"
_ROAD = rf"(?:[{HAN}0-9]{{1,6}}?(?:大道|大街|路|街|道|巷|胡同|弄|村|里|庄))"
_LANES = rf"(?:{_NUMBER}段)? ?(?:{_NUMBER}巷)? ?(?:{_NUMBER}弄)?"
_BACK = re.compile(rf"(?:(?<![0-9])[0-9]{{3,6}} ?)?{_AREA}{{0,4}}(?:{_NUMBER}[鄰邻])?{_ROAD}{{1,2}} ?{_LANES} ?$")
_FLOOR = "樓|楼|層|层|棟|栋|幢|座|單元|单元|室|房|號楼|号楼|號|号"
_AFTER = re.compile(
    r"(?:[0-9]{1,5}(?:[\-之][0-9]{1,3})?[號号](?:之[0-9]{1,3})?院?|[0-9A-Za-z]{1,4}[座棟栋])"
    rf"(?:[，, ]?[0-9A-Za-z一二三四五六七八九十]{{1,5}}(?:{_FLOOR})(?:之[0-9]{{1,3}})?){{0,4}}"
)
_LONGEST = 48
# What leads to an address and is no part of it.
_LEADS = re.compile(
    rf"^.*(?:地址|住址|位於|位于|住在|居住於|居住于|住於|寄到|寄至|寄往|送到|送至|前往|來自|来自|搬到|戶籍|户籍|設於|设于|[在於于到是為为至住])(?=[{HAN}0-9])"
)


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """The longest address that ends at a house number."""
    first = max(0, start - _LONGEST)
    before = text[first:start]
    for mark in "：:，,。；;\n（(「":
        before = before.rpartition(mark)[2]
    before = _LEADS.sub("", before)
    match = _BACK.search(before)
    after = _AFTER.match(text, start)
    if match is None or after is None or not match.group():
        return None
    return start - len(before) + match.start(), after.end(), 0.85


RECOGNISER = Recogniser(
    name="chinese_address",
    label="street address (Chinese)",
    pattern=r"[0-9]{1,5}(?:[\-之][0-9]{1,3})?[號号]|[0-9A-Za-z]{1,4}[座棟栋]",
    source="Forms of addresses of Chunghwa Post and of the Ministry of Civil Affairs",
    score=0.85,
    anchors=("han_house",),
    hints=("地址", "住址"),
    locate=locate,
    cell=rf".*[{HAN}].*[0-9]+ ?[號号].*",
)
