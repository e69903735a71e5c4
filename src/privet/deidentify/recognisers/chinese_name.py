"""Names of people in Chinese text: a surname, characters that given names are made of, and words around them."""

import re

from privet.deidentify.hanzi import DOUBLE, HAN, SURNAMES, TITLES
from privet.deidentify.lists import entries
from privet.deidentify.recogniser import Recogniser

_LABELS = (
    "姓名|名字|名|病患|患者|病人|個案|个案|客戶|客户|聯絡人|联络人|聯繫人|联系人|收件人|收貨人|收货人|寄件人|申請人|申请人|負責人|负责人|當事人|当事人|代理人|持有人|持卡人"
    "|保險人|投保人|受益人|家屬|家属|監護人|监护人|學生|学生|員工|员工|職員|住戶|住户|會員|会员|父親|父亲|母親|母亲|妻子|丈夫|兒子|儿子|女兒|女儿|朋友|同事|記者|记者|作者"
    f"|我叫|名叫|叫做|我是|本人|戶名|户名|{TITLES}"
)
_BETWEEN = " ：:，,是為为叫"
_LABEL = re.compile(f"(?:{_LABELS})(?:姓名)?[{_BETWEEN}]{{0,2}}$")
# The last characters of labels: most places have none before them, which is told without the pattern.
_LABEL_ENDS = frozenset(label[-1] for label in _LABELS.split("|"))
_TITLE = re.compile(TITLES)
_TITLE_BEGINS = frozenset(title[place] for title in TITLES.split("|") for place in (0, 2 * (title[1] == "?")))
_LINKED = re.compile("(?:[與和跟由對对給给請请找約约向問问讓让替被及有]|謝謝|谢谢|根據|根据|專訪|专访)$")
_SPOKEN = re.compile(
    "[，, ]{0,2}[男女](?![性孩生士友人子兒儿])"
    "|[，,]?(?:說|说|主持|擔任|担任|負責|负责|告訴|告诉|表示|指出|認為|认为|回答"
    "|今年|現年|现年|出生|生於|生于|住在|住院|就診|就诊|入院|您好|你好"
    "|的(?:電話|电话|手機|手机|身分|身份|地址|信箱|邮箱|生日|病歷|病历|帳|账))"
)
# What these begin or end with: most places have nothing of it.
_SPOKEN_BEGINS, _LINKED_ENDS = (
    frozenset("，, 男女說说主擔担負负告表指認认回今現现出生住就您你的"),
    frozenset("與和跟由對对給给請请找約约向問问讓让替被及有謝谢據据訪访"),
)
_BEGUN = frozenset("與和跟由對对給给請请找約约向問问讓让替被及是為为的在有位了到叫")
# The commonest surnames: nine of ten people have one of them.
_COMMONEST = frozenset(
    "王李張张刘劉陳陈楊杨黃黄趙赵吳吴周徐孫孙馬马朱胡郭何林高羅罗鄭郑梁謝谢宋唐許许韓韩馮冯鄧邓曹彭曾蕭肖田董袁潘蔡蔣蒋余杜葉叶程蘇苏魏呂吕丁沈任姚盧卢姜崔鍾钟"
    "譚谭陸陆汪范廖石金賈贾夏韋韦方鄒邹熊孟秦邱江尹薛閻阎段雷侯龍龙史黎賀贺顧顾毛郝龔龚邵萬万錢钱嚴严洪莊庄柯涂簡简賴赖游"
)
_DOUBLE = frozenset(DOUBLE.split("|"))
_SURNAMES = frozenset(SURNAMES)
# Characters that go on a sentence and end no name; those that are surnames less often than words.
_GOES_ON = frozenset(
    "的了是在有和與与說说住於于為为來来去也已將将就因之以到不要會会被把從从向對对給给及或並并等請请打寄出入至前後后您"
)
_NO_GIVEN = _GOES_ON | frozenset("部院校系班組组這这那我你他她們们個个位名各每些")
_GIVEN, _WORDS, _PLACES = entries("chinese_given"), entries("chinese_words"), entries("chinese_places")
_RARELY = frozenset("和于於從从但可有回由來来過过應应那都別别全公國国在查连連里當")


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """Where the name ends and how sure it is one, by what stands before and after."""
    double = text[start : start + 2] in _DOUBLE
    given = start + 2 if double else start + 1
    if not double and text[start] not in _SURNAMES:
        return None
    before = text[max(0, start - 10) : start]
    titled = _before_title(text, given, end)
    rarely = text[start] in _RARELY
    if (
        titled is not None
        and not rarely
        and not _is_word(text[start:titled])
        and _may_stand_alone(before, given, titled)
    ):
        return start, titled, 0.76
    label = _LABEL.search(before) if _may_be_labelled(before) else None
    if label is not None and not (rarely and label.group()[-1] not in ":："):
        stop = _length(text, given, end)
        return (start, stop, 0.75) if stop > given and not _is_word(text[start:stop]) else None
    return _unlabelled(text, start, given, end, before)


def _may_be_labelled(before: str) -> bool:
    """Whether the last character of a label stands before, up to two others between."""
    for character in before.removesuffix("\n")[:-4:-1]:
        if character in _LABEL_ENDS:
            return True
        if character not in _BETWEEN:
            return False
    return False


def _may_stand_alone(before: str, given: int, titled: int) -> bool:
    """A surname alone before a title must begin a phrase: 公司經理 has none."""
    return titled > given or not before or not _is_han(before[-1]) or before[-1] in _BEGUN


def _before_title(text: str, given: int, end: int) -> int | None:
    """The end of a name of no, one or two given characters that a title follows."""
    for stop in range(given, min(given + 3, end + 1)):
        character = text[stop : stop + 1]
        if character in _TITLE_BEGINS and _TITLE.match(text, stop):
            return stop
        if character in _NO_GIVEN:
            return None
    return None


def _length(text: str, given: int, end: int) -> int:
    """One or two given characters: the second if given names have it, or if nothing goes on after it."""
    if given >= end or text[given] in _GOES_ON:
        return given
    second = text[given + 1 : given + 2]
    last = given + 2 >= len(text) or not _is_han(text[given + 2])
    if given + 1 < end and second not in _GOES_ON and (second in _GIVEN or last):
        return given + 2
    return given + 1


def _unlabelled(text: str, start: int, given: int, end: int, before: str) -> tuple[int, int, float] | None:
    stop = given
    while stop < min(end, given + 2) and text[stop] in _GIVEN:
        stop += 1
    if stop == given or text[start] in _RARELY or _is_word(text[start:stop]):
        return None
    alone = not before or not _is_han(before[-1])
    ends = stop == len(text) or not _is_han(text[stop]) or text[stop] in "和與与跟及"
    spoken = text[stop : stop + 1] in _SPOKEN_BEGINS and _SPOKEN.match(text, stop) is not None
    linked = before.removesuffix("\n")[-1:] in _LINKED_ENDS and _LINKED.search(before) is not None
    if stop - start == 2:
        listed = ends and (linked or before[-1:] == "、")
        return (start, stop, 0.55) if listed or (spoken and (alone or linked)) else None
    if alone and (ends or spoken):
        return start, stop, 0.65
    if alone and text[start] in _COMMONEST and text[stop - 1 : stop + 1] not in _WORDS:
        return start, stop, 0.5
    return (start, stop, 0.55) if linked else None


def _is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff"


def _is_word(text: str) -> bool:
    """Whether a part of it is a word that names are seldom made of, or the whole a place."""
    return text[:2] in _WORDS or text[1:3] in _WORDS or text[:2] in _PLACES


RECOGNISER = Recogniser(
    name="chinese_name",
    label="person's name (Chinese)",
    pattern=rf"[{SURNAMES}上皇令端][{HAN}]{{0,4}}",
    source="Chinese-Names-Corpus, surnames; characters of given names, titles and words written for this project",
    score=0.65,
    anchors=("han_name",),
    hints=("姓名", "名字"),
    locate=locate,
    cell=rf"(?:{DOUBLE}|[{SURNAMES}])[{HAN}]{{1,2}}",
)
