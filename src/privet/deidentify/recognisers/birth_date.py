"""Dates of birth: a date in a column, or beside words, that speak of birth."""

import re

from privet.deidentify.checksums import is_date
from privet.deidentify.recogniser import NUMBER_BEGINS, Recogniser

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAME, _NUMBER = re.compile("|".join(_MONTHS)), re.compile(r"\d+")
_MONTH, _DAY, _YEAR = "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12][0-9]|3[01])", "(?:18|19|20)[0-9]{2}"
_ISO = rf"{_YEAR}[\-/.]{_MONTH}[\-/.]{_DAY}"
_DAY_LAST = rf"{_DAY}[\-/.]{_DAY}[\-/.]{_YEAR}"
# Years of the Republic of China: 民國 75 is 1986.
_REPUBLIC = rf"(?:民國 ?)?[0-9]{{2,3}}[年\-/.] ?{_MONTH}[月\-/.] ?{_DAY}日?"
_CHINESE = rf"{_YEAR} ?年 ?{_MONTH} ?月 ?{_DAY} ?日"
_NAME = (
    "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WORDS = rf"{_DAY}(?:st|nd|rd|th)?[ \-](?:of )?{_NAME},?[ \-]{_YEAR}|{_NAME} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
# Dates that are ones without a word beside them: the year has four digits, or a calendar's name before it.
WRITTEN = rf"(?:{_ISO}|{_DAY_LAST}|{_CHINESE}|民[國国] ?[0-9]{{2,3}} ?年 ?{_MONTH} ?月 ?{_DAY} ?日|{_WORDS})"
# How they begin, as ``Recogniser.begins`` writes it.
BEGINS = r"0{4}(?:[-/.]0| ?[?])|0{1,2}(?:[-/.]0|a|[ -][Aa])|0{2,3}[-/.?][ 0?]|[Aa]{3,9}(?: 0|\. )"


def exists(text: str) -> bool:
    """Whether the numbers make a date in some order of day and month.

    >>> exists("1986-02-30"), exists("30/11/1986"), exists("31 April 1990"), exists("May 4, 1990")
    (False, True, False, True)
    """
    parts = [int(number) for number in _NUMBER.findall(text)]
    small = text.lower()
    named = _MONTH_NAME.search(small) if small != text.upper() else None
    if named is not None:
        return is_date(parts[1], _MONTHS.index(named.group()) + 1, parts[0])
    year, first, second = parts if len(str(parts[0])) >= 3 or "年" in text else (parts[2], parts[0], parts[1])
    full = year + 1911 if year < 1000 else year
    return is_date(full, first, second) or is_date(full, second, first)


RECOGNISER = Recogniser(
    name="birth_date",
    label="date of birth",
    pattern=rf"{NUMBER_BEGINS}(?:{_ISO}|{_DAY_LAST}|{_CHINESE}|{_REPUBLIC}|{_WORDS})(?![0-9])",
    source="ISO 8601; common written forms; the calendar of the Republic of China",
    score=0.7,
    begins=BEGINS,
    anchors=("han",),
    hints=("birth", "dob", "born", "birthday", "birthdate", "date_of_birth", "生日", "出生", "nacimiento"),
    validate=exists,
    needs_context=True,
    direct=False,
)
