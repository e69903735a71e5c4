"""Places in Chinese text: countries, provinces, counties and cities by a list, with the districts that follow."""

import re

from privet.deidentify.hanzi import HAN, listed_place
from privet.deidentify.recogniser import Recogniser

# What may follow the name of a province or city: its kind, and one or two smaller places with theirs.
_KIND = "(?:特別行政區|特别行政区|自治區|自治区|省|市|縣|县|州)?"
_NO_KIND = "長|长|民|政|府|委|立|公所|場|场|面|域|分|別|别|間|间|塊|块"
_SMALLER = rf"(?:[{HAN}]{{1,3}}?(?:市|區|区|縣|县|鄉|乡|鎮|镇|旗)(?!{_NO_KIND}))"
_PATTERN = re.compile(f"{_KIND}{_SMALLER}{{0,2}}")
# Words that begin like a place and are none: 大理石, 中國文學 is left to the reader.
_NO_PLACE = re.compile("石|論|论|想")


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """The place with its kind and the districts after it."""
    name = listed_place(text, start)
    if name is None or _NO_PLACE.match(text, name):
        return None
    match = _PATTERN.match(text, name)
    return start, match.end() if match else name, 0.62


RECOGNISER = Recogniser(
    name="chinese_place",
    label="place (Chinese)",
    pattern=rf"[{HAN}]{{2}}",
    source="Counties of Taiwan, provinces and large cities of China, countries: written for this project",
    score=0.62,
    anchors=("han_place",),
    hints=("城市", "縣市", "县市", "省份", "國家", "国家", "出生地", "籍貫", "籍贯"),
    locate=locate,
    cell=rf"[{HAN}]{{2,12}}",
    direct=False,
)
