"""Dates of birth: a date in a column that speaks of birth."""

import datetime
import re

from privet.deidentify.recogniser import Recogniser

_ISO = r"(?:18|19|20)\d{2}[\-/.](?:0?[1-9]|1[0-2])[\-/.](?:0?[1-9]|[12]\d|3[01])"
_DAY_LAST = r"(?:0?[1-9]|[12]\d|3[01])[\-/.](?:0?[1-9]|[12]\d|3[01])[\-/.](?:18|19|20)\d{2}"
# Years of the Republic of China: 民國 75 is 1986.
_REPUBLIC = r"(?:民國 ?)?\d{2,3}[年\-/.] ?(?:0?[1-9]|1[0-2])[月\-/.] ?(?:0?[1-9]|[12]\d|3[01])日?"
_CHINESE = r"(?:18|19|20)\d{2} ?年 ?(?:0?[1-9]|1[0-2]) ?月 ?(?:0?[1-9]|[12]\d|3[01]) ?日"


def exists(text: str) -> bool:
    """Whether the numbers make a date in some order of day and month.

    >>> exists("1986-02-30"), exists("30/11/1986")
    (False, True)
    """
    parts = [int(number) for number in re.findall(r"\d+", text)]
    year, first, second = parts if len(str(parts[0])) >= 3 or "年" in text else (parts[2], parts[0], parts[1])
    for month, day in ((first, second), (second, first)):
        try:
            datetime.date(year + 1911 if year < 1000 else year, month, day)
        except ValueError:
            continue
        return True
    return False


RECOGNISER = Recogniser(
    name="birth_date",
    label="date of birth",
    pattern=re.compile(rf"(?<!\d)(?:{_ISO}|{_DAY_LAST}|{_CHINESE}|{_REPUBLIC})(?!\d)"),
    source="ISO 8601; common written forms; the calendar of the Republic of China",
    score=0.7,
    hints=("birth", "dob", "born", "birthday", "birthdate", "生日", "出生"),
    validate=exists,
    in_text=False,
    direct=False,
)
