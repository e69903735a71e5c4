"""Which kinds the words beside a place speak of: each part of a text is looked at once, for all kinds together."""

from __future__ import annotations

import re
from collections import defaultdict

from privet.deidentify.recogniser import Recogniser

# How far before and after a place its words count, in characters.
BEFORE, AFTER = 48, 24

_LETTER = "a-zà-öø-ÿ"
_WORD = re.compile(rf"(?<![{_LETTER}])[{_LETTER}]+(?:'[a-z]+)?")
_NONE: frozenset[str] = frozenset()
# Parts of a text that are looked at together; how much further a word that begins in one may reach, and a phrase.
_BLOCK, _LONGEST, _REACH = 64, 24, 64

# A hint in a text: where it begins and ends, and the kinds it speaks of.
Spoken = tuple[int, int, tuple[str, ...]]


class Hints:
    """The hint words of some kinds, by their first word."""

    def __init__(self, items: tuple[Recogniser, ...]) -> None:
        self._phrases: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
        self._other: dict[str, list[str]] = defaultdict(list)
        for item in items:
            for hint in item.hints:
                self._add(hint, item.name)
        others = "|".join(sorted(map(re.escape, self._other), key=len, reverse=True))
        # Every place is looked at, so that it does not matter where a look begins.
        self._others = re.compile(f"(?=({others}))" if others else "(?!)()")

    def _add(self, hint: str, kind: str) -> None:
        if any(character > "ÿ" for character in hint):
            self._other[hint].append(kind)
            return
        first, *rest = hint.split("_")
        self._phrases[first].append((rest, kind))
        if not rest:
            self._phrases[f"{first}s"].append((rest, kind))

    def spoken(self, lowered: str, start: int, end: int) -> list[Spoken]:
        """The hints that begin in a part of a text in small letters."""
        found: list[Spoken] = []
        # Most parts speak of nothing: that is told without a match object for each word.
        if not self._phrases.keys().isdisjoint(_WORD.findall(lowered, start, end + _LONGEST)):
            for match in _WORD.finditer(lowered, start, end + _LONGEST):
                if match.start() < end and match.group() in self._phrases:
                    found += self._phrase(lowered, match)
        if not lowered[start : end + _LONGEST].isascii():
            for match in self._others.finditer(lowered, start, end + _LONGEST):
                if match.start() >= end:
                    break
                found.append((match.start(), match.end(1), tuple(self._other[match.group(1)])))
        return found

    def _phrase(self, lowered: str, first: re.Match[str]) -> list[Spoken]:
        found: list[Spoken] = []
        following: list[re.Match[str]] | None = None
        for rest, kind in self._phrases[first.group()]:
            if rest and following is None:
                following = list(_WORD.finditer(lowered, first.end(), first.end() + _REACH))
            if not rest:
                found.append((first.start(), first.end(), (kind,)))
            elif following is not None and [match.group() for match in following[: len(rest)]] == rest:
                found.append((first.start(), following[len(rest) - 1].end(), (kind,)))
        return found


class Near:
    """The hints of one text, found where they are asked for and kept while the text is searched."""

    def __init__(self, hints: Hints, text: str) -> None:
        self._hints = hints
        self._text = text
        self._lowered: str | None = None
        self._blocks: dict[int, list[Spoken]] = {}

    def beside(self, start: int, end: int) -> frozenset[str]:
        """Kinds that the words near a place speak of; what stands in the place does not count."""
        first, last = max(0, start - BEFORE), end + AFTER
        kinds: list[str] = []
        for block in range(first // _BLOCK, last // _BLOCK + 1):
            for begins, ends, spoken in self._blocks.get(block) or self._block(block):
                if first <= begins and ends <= last and (ends <= start or begins >= end):
                    kinds += spoken
        return frozenset(kinds) if kinds else _NONE

    def _block(self, block: int) -> list[Spoken]:
        if block in self._blocks:
            return self._blocks[block]
        if self._lowered is None:
            self._lowered = lowered(self._text)
        made = self._hints.spoken(self._lowered, block * _BLOCK, (block + 1) * _BLOCK)
        return self._blocks.setdefault(block, made)


def lowered(text: str) -> str:
    """The text in small letters, one for one: a capital that becomes two characters stays."""
    made = text.lower()
    if len(made) == len(text):
        return made
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)
