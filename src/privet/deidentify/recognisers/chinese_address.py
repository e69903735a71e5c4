"""Addresses in Chinese text: from the house number back to the road, the district and the province."""

import re

from privet.deidentify.hanzi import HAN, first_listed_place
from privet.deidentify.recogniser import Recogniser

# The parts of an address, each the shortest that ends in a word for its kind, so that a line of them is read in one go.
_KINDS = "省|自治區|自治区|特別行政區|特别行政区|市|縣|县|區|区|鄉|乡|鎮|镇|旗|村|里|鄰|邻|路|街|道|巷|胡同|弄|庄|段"
_PART = re.compile(rf"[{HAN}0-9]{{1,7}}?(?:{_KINDS})")
_ROADS = frozenset("路街道巷同弄村里庄段")
_FLOOR = "樓|楼|層|层|棟|栋|幢|座|單元|单元|室|房|號楼|号楼|號|号"
_AFTER = re.compile(
    r"(?:[0-9]{1,5}(?:[\-之][0-9]{1,3})?[號号](?:之[0-9]{1,3})?院?|[0-9A-Za-z]{1,4}[座棟栋])"
    rf"(?:[，, ]?[0-9A-Za-z一二三四五六七八九十]{{1,5}}(?:{_FLOOR})(?:之[0-9]{{1,3}})?){{0,4}}"
)
_LONGEST = 48
_MARKS = re.compile(r"[：:，,。；;\n（(「]")
# What leads to an address and is no part of it.
_LEADS = re.compile(
    rf"^.*(?=[地住位居寄送前來来搬戶户設设在於于到是為为至])(?:地址|住址|位於|位于|住在|居住於|居住于|住於|寄到|寄至|寄往|送到|送至|前往|來自|来自|搬到|戶籍|户籍|設於|设于|[在於于到是為为至住])(?=[{HAN}0-9])"
)


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """The longest address that ends at a house number."""
    before = text[max(0, start - _LONGEST) : start]
    before = _LEADS.sub("", _MARKS.split(before)[-1])
    after = _AFTER.match(text, start)
    if after is None or before.removesuffix(" ")[-1:] not in _ROADS:
        return None
    begins = _begin(before)
    return None if begins is None else (start - len(before) + begins, after.end(), 0.85)


def _begin(before: str) -> int | None:
    """Where the unbroken line of parts begins that ends at the house number."""
    parts = [(part.start(), part.end()) for part in _PART.finditer(before)]
    if not parts or parts[-1][1] != len(before.rstrip(" ")):
        return None
    begins, ends = parts[-1]
    for start, end in reversed(parts[:-1]):
        if end != begins:
            break
        begins, ends = start, end
    # What stands before a place that is known is of the sentence, not of the address.
    known = first_listed_place(before, begins)
    return known if known < ends else begins


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
