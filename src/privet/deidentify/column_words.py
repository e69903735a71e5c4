"""What a column's name says: words of five languages for identifiers, quasi-identifiers and what is sensitive."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Role = Literal["identifier", "quasi-identifier", "sensitive", "plain"]
ROLES: tuple[Role, ...] = ("identifier", "sensitive", "quasi-identifier", "plain")

_LIST = Path(__file__).parent / "lists" / "column_words.toml"
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Category:
    """One thing that columns hold, and what their names and cells look like then."""

    name: str
    role: Role
    label: str
    source: str
    words: tuple[tuple[str, ...], ...]
    characters: tuple[str, ...]
    values: frozenset[str]
    cells: str

    def named(self, column: str, words: tuple[str, ...]) -> bool:
        """Whether a column of this name speaks of it."""
        return any(part in column for part in self.characters) or any(follows(words, hint) for hint in self.words)


@dataclass(frozen=True, slots=True)
class KeyWords:
    """How keys are called: a word for people before a word for numbers, or one word for both."""

    people: frozenset[str]
    numbers: tuple[tuple[str, ...], ...]
    whole: tuple[tuple[str, ...], ...]
    characters: tuple[str, ...]


def words_of(text: str) -> tuple[str, ...]:
    """A name in words: lower case, without accents, without the number at the end of a word.

    >>> words_of("birthDate"), words_of("Körpergröße_cm"), words_of("diag_1")
    (('birth', 'date'), ('korpergrosse', 'cm'), ('diag', '1'))
    """
    split = re.split(r"[\W_]+", _CAMEL.sub("_", text).casefold())
    return tuple(_trimmed(_plain(word)) for word in split if word)


def _plain(word: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", word) if not unicodedata.combining(part))


def _trimmed(word: str) -> str:
    return word.rstrip("0123456789") or word


def follows(words: tuple[str, ...], hint: tuple[str, ...]) -> bool:
    """Whether the hint's words stand in the name one after the other; the last may be a plural."""
    size = len(hint)
    return any(
        words[place : place + size - 1] == hint[:-1] and words[place + size - 1] in (hint[-1], f"{hint[-1]}s")
        for place in range(len(words) - size + 1)
    )


@functools.cache
def categories() -> tuple[Category, ...]:
    """Every category, identifiers first, then the sensitive ones: the order in which a name is tried."""
    body = _body()
    return tuple(_category(name, role, settings) for role in ROLES for name, settings in body.get(role, {}).items())


@functools.cache
def key_words() -> KeyWords:
    """How keys are called."""
    body = _body()["key"]
    whole, characters = _hints(body["whole"])
    return KeyWords(frozenset(body["people"].split()), _hints(body["numbers"])[0], whole, characters)


@functools.cache
def _body() -> dict[str, Any]:
    return tomllib.loads(_LIST.read_text(encoding="utf-8"))


def _category(name: str, role: Role, settings: dict[str, str]) -> Category:
    words, characters = _hints(settings["words"])
    values = frozenset(_plain(value.casefold()) for value in settings.get("values", "").split())
    source, cells = settings.get("source", ""), settings.get("cells", "any")
    return Category(name, role, settings["label"], source, words, characters, values, cells)


def _hints(text: str) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    hints = text.split()
    latin = tuple(dict.fromkeys(words_of(hint) for hint in hints if hint < "\u2e80"))
    return latin, tuple(hint for hint in hints if hint >= "\u2e80")
