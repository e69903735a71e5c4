"""Which kinds the words beside a place speak of: one look at the words for all kinds together."""

from __future__ import annotations

import re
from collections import defaultdict

from privet.deidentify.recogniser import Recogniser

# How far before and after a place its words count, in characters.
BEFORE, AFTER = 48, 24

_WORD = re.compile(r"[a-zà-öø-ÿ]+(?:'[a-z]+)?")
_NONE: frozenset[str] = frozenset()


class Hints:
    """The hint words of some kinds, by their first word."""

    def __init__(self, items: tuple[Recogniser, ...]) -> None:
        self._phrases: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
        self._other: dict[str, list[str]] = defaultdict(list)
        for item in items:
            for hint in item.hints:
                self._add(hint, item.name)
        self._first = frozenset(self._phrases)
        self._others = re.compile("|".join(sorted(self._other, key=len, reverse=True)) or "(?!)")

    def _add(self, hint: str, kind: str) -> None:
        if any(character > "ÿ" for character in hint):
            self._other[hint].append(kind)
            return
        first, *rest = hint.split("_")
        self._phrases[first].append((rest, kind))
        if not rest:
            self._phrases[f"{first}s"].append((rest, kind))

    def beside(self, text: str, start: int, end: int) -> frozenset[str]:
        """Kinds that the words near a place speak of; what stands in the place does not count."""
        near = f"{text[max(0, start - BEFORE) : start]}\n{text[end : end + AFTER]}"
        words = _WORD.findall(near.lower())
        found = self._spoken(words) if not self._first.isdisjoint(words) else []
        if not near.isascii():
            found += [kind for hint in self._others.findall(near) for kind in self._other[hint]]
        return frozenset(found) if found else _NONE

    def _spoken(self, words: list[str]) -> list[str]:
        phrases = self._phrases
        return [
            kind
            for place, word in enumerate(words)
            if word in phrases
            for rest, kind in phrases[word]
            if not rest or words[place + 1 : place + 1 + len(rest)] == rest
        ]
