"""Chinese text: where names, places, organisations and house numbers can be, found without word boundaries."""

from __future__ import annotations

import functools
import re

from privet.deidentify.lists import entries

HAN = "\u3400-\u9fff"
# Traditional forms of surnames that the list has in simplified form, and surnames of two characters.
_TRADITIONAL = (
    "陳黃張吳劉楊許鄭謝廖賴葉蘇莊呂蕭羅簡鍾詹沈盧趙顏魏孫範鄧傅薛馬藍蔣紀連馮歐湯鄒黎龔嚴韓陸譚賈錢顧龐賀閻喬龍費塗遊溫駱單閔練談邊鮑聶關"
    "畢寧時華麥齊應欒聞樂竇貝蘭樓遲勞闕鄺鄔萬游涂范余"
)
DOUBLE = "歐陽|司馬|上官|諸葛|張簡|范姜|欧阳|司马|诸葛|慕容|皇甫|尉迟|公孙|夏侯|令狐|端木|东方|東方"
SURNAMES = "".join(sorted({name for name in entries("chinese_surnames") if len(name) == 1} | set(_TRADITIONAL)))

# One character for each province, as on licence plates.
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

TITLES = (
    "先生|女士|小姐|太太|夫人|醫師|醫生|医生|医师|大夫|護理師|护士|護士|老師|老师|教授|博士|總?經理|总?经理|主任|院長|院长|校長|校长|處長|处长|局長|局长"
    "|市長|市长|縣長|县长|董事長|董事长|總裁|总裁|律師|律师|同學|同学|警官|法官|檢察官|检察官|委員|委员|議員|议员|主席|部長|部长|同志|師傅|师傅|阿姨|叔叔"
    "|伯伯|奶奶|爺爺|爷爷|媽媽|妈妈"
)
# Endings of organisations, the longest first.
ENDINGS = (
    "股份有限公司|有限責任公司|有限责任公司|有限公司|分公司|公司|集團|集团|銀行|银行|醫院|医院|診所|诊所|衛生所|卫生院|大學|大学|學院|学院|高級中學|高中|中學|中学"
    "|國小|國中|小學|小学|幼兒園|幼儿园|基金會|基金会|協會|协会|學會|学会|研究院|研究所|事務所|事务所|出版社|法院|警察局|派出所|公安局"
)
# The last characters of words before names (titles, "name", "patient", "called", "and", "to"); the recogniser looks at
# the whole word.
_BEFORE = (
    "名叫是為为人者戶户員员生士姐太師师醫医夫授理任長长裁官席志傅姨叔伯奶爺爷媽妈親亲子女兒儿友事屬属做姓患"
    "與和跟由對对給给請请找約约向問问讓让替被及有謝谢據据訪访"
)

# One set of first characters, so that the search passes over everything else at the speed of a memory scan.
_ANCHOR = re.compile(
    rf"[{SURNAMES}上皇令端0-9A-Za-z]"
    rf"(?:(?:(?<=[0-9])(?<![0-9].)(?=[0-9]{{0,4}}(?:[\-之][0-9]{{1,3}})?[號号](?!碼|码|線|线))"
    rf"|(?<=[0-9A-Za-z])(?<=[路街道].)(?=[座棟栋]))(?P<han_house>)"
    rf"|(?<![0-9A-Za-z])(?:(?<![{HAN}].)|(?<=[{_BEFORE}].)|(?=[{HAN}]{{0,3}}?(?:{TITLES})))(?P<han_name>))"
)
# Where someone works: what follows is an organisation, whatever it ends with.
WORKS = "任職於|任职于|就職於|就职于|服務於|服务于|受僱於|受雇于"
_WORKS = re.compile(f"(?:{WORKS})(?=[{HAN}])")
_ENDING = re.compile(ENDINGS)
_HAN = re.compile(f"[{HAN}]")


@functools.cache
def _place() -> re.Pattern[str]:
    """Every listed place, grouped by its first character, the longest first."""
    groups: dict[str, list[str]] = {}
    for name in sorted(entries("chinese_places"), key=len, reverse=True):
        groups.setdefault(name[0], []).append(name[1:])
    return re.compile("|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in groups.items()))


def listed_place(text: str, start: int) -> int | None:
    """Where a listed place ends that begins here."""
    match = _place().match(text, start)
    return match.end() if match else None


def first_listed_place(text: str, start: int) -> int:
    """Where the first listed place begins from here on, or the end of the text."""
    match = _place().search(text, start)
    return match.start() if match else len(text)


def hanzi_places(text: str, begin: int) -> list[tuple[int, str, int]]:
    """Places of a text that is not all ASCII where Chinese names, places, organisations or addresses may be.

    >>> hanzi_places("請找王小明先生，他在台北市的大安醫院", 0)
    [(2, 'han_name', 0), (4, 'han_name', 0), (10, 'han_place', 0), (16, 'han_ending', 0)]
    """
    if _HAN.search(text, begin) is None:
        return []
    found = [(match.start(), match.lastgroup or "", 0) for match in _ANCHOR.finditer(text, begin)]
    found += [(match.start(), "han_place", 0) for match in _place().finditer(text, begin)]
    found += [(match.start(), "han_ending", 0) for match in _ENDING.finditer(text, begin)]
    found += [(match.end(), "han_ending", 0) for match in _WORKS.finditer(text, begin)]
    return found
