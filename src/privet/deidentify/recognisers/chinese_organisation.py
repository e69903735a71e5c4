"""Organisations in Chinese text: from the ending (company, hospital, university) back to where the name begins."""

import re

from privet.deidentify.hanzi import ENDINGS, HAN, WORKS
from privet.deidentify.recogniser import Recogniser

_ENDING = re.compile(ENDINGS)
_WORKS = re.compile(f"(?:{WORKS})$")
_NAMED = re.compile(rf"[{HAN}A-Za-z0-9（）()·]{{2,16}}?(?=[^{HAN}A-Za-z0-9（）()·]|$|擔任|担任|的|已|，)")
_LONGEST = 16
_RUN = re.compile(rf"[{HAN}A-Za-z0-9（）()·]+$")
# Words before a name; the name begins after the last of them.
_LEADS = re.compile(
    "^.*(?:任職於|任职于|服務於|服务于|就讀於?|就读于?|畢業於|毕业于|工作於|工作于|受僱於|位於|位于|轉至|转至|轉到|转到|送往|送到|送至|前往|來自|来自|進入|进入|加入|考上|創辦|创办|成立"
    "|[在於于到向從从至去由被與和跟是為为的給给及讓让對对])"
)
# What speaks of an organisation without its name.
_NO_NAME = re.compile(
    "^(?:[這这那本貴贵該该某各每母子分總总全一二兩两三多幾几]+(?:[家間间所個个座])?|我們?|他們?|她|你們?|您|我们|他们|你们|哪家|大型|小型|外商|上市|新創|附近|當地|当地|公立|私立|國立|市立|大|小"
    "|保險|保险|科技|建設|貿易|綜合|综合|教學|教学|地方|中央|商業|商业|投資|投资|股份)?$"
)


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """The name with its ending, if there is one beside the ending."""
    works = _WORKS.search(text[max(0, start - 4) : start])
    if works is not None:
        named = _NAMED.match(text, start)
        return (start, named.end(), 0.6) if named and not _NO_NAME.match(named.group()) else None
    ending = _ENDING.match(text, start)
    run = _RUN.search(text[max(0, start - _LONGEST) : start])
    if ending is None or run is None:
        return None
    stop = ending.end()
    following = _ENDING.match(text, stop)
    if following is not None:
        return None  # 大學醫院: the later ending has the whole name
    name = _LEADS.sub("", run.group())
    if len(name) < 2 or _NO_NAME.match(name):
        return None
    return start - len(name), stop, 0.7


RECOGNISER = Recogniser(
    name="chinese_organisation",
    label="organisation (Chinese)",
    pattern=rf"{ENDINGS}|[{HAN}]",
    source="Legal forms and kinds of institution in Taiwan and China: written for this project",
    score=0.7,
    anchors=("han_ending",),
    hints=("公司", "單位", "单位", "醫院", "医院", "學校", "学校"),
    locate=locate,
    cell=rf"[{HAN}A-Za-z0-9（）()]{{2,20}}(?:{ENDINGS})",
    direct=False,
)
