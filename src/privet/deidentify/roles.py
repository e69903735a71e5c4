"""The role of a column that holds no identifier by its form: by its name, type, values and uniqueness together."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from privet.deidentify.column_words import Category, Role, categories, follows, key_words, words_of
from privet.deidentify.evidence import NEARLY_ALL, Evidence, is_a_number

# In fewer cells than this, all being different says nothing.
ENOUGH_CELLS = 20
# Text of which this share of the whole column is unique points at rows; whole numbers must all differ, because
# measurements nearly do. Fractions never count: two people's are the same only by rounding.
NEARLY_UNIQUE = 0.95
# A column that is named as a key is one if so many of its values differ (a person may have several rows).
KEY_DIFFERS, KEY_VALUES = 0.5, 25
# Values say what a column is without its name if this share of the cells is among them, and two different ones are.
VALUES = 0.8
# How the reason begins where nothing speaks for another role.
SAYS_NOTHING = "name and cells say nothing"
# So many different values are few: sexes, degrees, trades.
FEW = 40

_AGE = re.compile(r"[^0-9A-Za-z]{0,2}(1[01][0-9]|[0-9]{1,2})(?:\.[0-9]*)?(?:(?: ?(?:-|–|to|,|~|至) ?)[0-9]{1,3})?"
                  r"[)\]+]?(?: ?(?:years?|y|yrs?|Jahre|ans|años|歲|岁))?")  # fmt: skip
_ICD = re.compile(r"[A-TV-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?")
# Words of lists that say little alone.
_WEAK = frozenset(
    {"other", "unknown", "none", "mixed", "native", "single", "independent", "x", "m", "f", "healthy", "straight"}
)
# A name with one of these counts something about a place or a person and is not its name.
_COUNTS = frozenset({"time", "days", "hours", "count", "number", "num", "duration", "amount", "distance", "n"})


@dataclass(frozen=True, slots=True)
class Judged:
    """A role, what the column holds in a word and in words, the share of cells that agree, and why."""

    role: Role
    kind: str | None
    label: str
    share: float
    why: str


def key_by_name(seen: Evidence) -> Judged | None:
    """A column that is named as the number of a person or of a row, and whose values differ as such numbers do."""
    if seen.form not in ("whole", "text") or seen.filled < 2:
        return None
    words, differ = words_of(seen.name), f"{seen.values} different values in {seen.filled} cells"
    if _names_people(seen.name, words) and (seen.different >= KEY_DIFFERS or seen.values > KEY_VALUES):
        return Judged("identifier", "key", "number of a person", seen.different,
                      f"named as the number of a person ({seen.name}), with {differ}")  # fmt: skip
    numbered = any(words[-len(number) :] == number for number in key_words().numbers)
    if numbered and seen.different >= KEY_DIFFERS and seen.filled >= ENOUGH_CELLS:
        return Judged("identifier", "key", "number of a row", seen.different,
                      f"named as a number ({seen.name}), with {differ}")  # fmt: skip
    return None


def _names_people(name: str, words: tuple[str, ...]) -> bool:
    """Whether a name speaks of a person's number: a word for people before one for numbers, or one for both."""
    keys = key_words()
    if any(part in name for part in keys.characters) or any(follows(words, hint) for hint in keys.whole):
        return True
    after = [words[place + 1 :] for place, word in enumerate(words) if word in keys.people]
    return any(rest[: len(number)] == number for rest in after for number in (*keys.numbers, ("source", "value")))


def by_name(seen: Evidence) -> Judged | None:
    """What the name says, where the cells do not speak against it."""
    words = words_of(seen.name)
    for category in categories():
        if not category.named(seen.name, words):
            continue
        share = _LOOKS[category.cells](seen)
        if share >= NEARLY_ALL or (category.values and _listed(seen, category) >= VALUES):
            return Judged(category.role, category.name, category.label, share, _because("named so", seen, category))
    return None


def by_values(seen: Evidence) -> Judged | None:
    """What the cells say by themselves."""
    if seen.form == "date":
        return Judged("quasi-identifier", "date", "date of an event", 1.0,
                      "cells are dates, which others may know (45 CFR 164.514(b)(2)(i)(C))")  # fmt: skip
    if seen.form != "text":
        return None
    codes = seen.share(_ICD.fullmatch)
    if codes >= NEARLY_ALL and seen.values >= 10:
        return Judged("sensitive", "health", "health", codes, "cells have the form of ICD-10 codes (GDPR art. 9(1))")
    for category in categories():
        share = _listed(seen, category) if category.values else 0.0
        if share >= VALUES:
            return Judged(
                category.role, category.name, category.label, share, _because("by its values", seen, category)
            )
    return None


def by_uniqueness(seen: Evidence) -> Judged | None:
    """A key by nothing but that its values differ, in the whole column."""
    if seen.filled < ENOUGH_CELLS:
        return None
    if seen.form == "whole" and seen.unique == 1.0:
        return Judged(
            "identifier", "unique_key", "unique number", 1.0, "whole numbers, and every cell of the column differs"
        )
    if seen.form == "text" and seen.unique > NEARLY_UNIQUE:
        return Judged("identifier", "unique_key", "nearly unique value", seen.unique,
                      f"text, and {_percent(seen.unique)} of all cells have a value of their own")  # fmt: skip
    return None


def plain(seen: Evidence) -> Judged:
    """Nothing speaks for another role; the reason says what was looked at."""
    if seen.form == "empty":
        return Judged("plain", None, "none found", 0.0, "no cell is filled")
    form = {"whole": "whole numbers", "number": "numbers with fractions", "truth": "yes or no"}.get(seen.form, "text")
    return Judged("plain", None, "none found", 0.0,
                  f"{SAYS_NOTHING}; {form}, of which {_percent(seen.unique)} are unique")  # fmt: skip


def _because(what: str, seen: Evidence, category: Category) -> str:
    name = f" ({seen.name})" if what == "named so" else ""
    source = f" ({category.source})" if category.source else ""
    return f"{what}{name}: {category.label}{source}"


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{share:.0%}"


def _listed(seen: Evidence, category: Category) -> float:
    """The share of cells among the category's values, if two of them say more than most words do."""
    there = {cell: cell.casefold().replace(" ", "-") for cell in seen.cells}
    strong = {cell for cell in there.values() if cell in category.values and cell not in _WEAK}
    enough = len(strong) >= 2 or (category.name == "sex" and {"m", "f"} <= set(there.values()))
    return seen.share(lambda cell: there[cell] in category.values) if enough else 0.0


def _few(seen: Evidence) -> float:
    return 1.0 if seen.values <= FEW or seen.different <= 0.02 else 0.0


_LOOKS: dict[str, Callable[[Evidence], float]] = {
    "any": lambda seen: float(seen.filled > 0),
    "few": _few,
    "age": lambda seen: seen.share(_AGE.fullmatch),
    "number": lambda seen: seen.share(is_a_number),
    "measure": lambda seen: max(seen.share(is_a_number), _few(seen)),
    "letters": lambda seen: seen.share(lambda cell: any(map(str.isalpha, cell)) and not any(map(str.isdigit, cell))),
    "words": lambda seen: 0.0 if _COUNTS & set(words_of(seen.name)) else seen.share(lambda cell: len(cell) <= 60),
    "different": lambda seen: float(seen.different >= KEY_DIFFERS and seen.form in ("text", "whole")),
}
