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
_BLOCK, _LONGEST, _REACH = 128, 24, 64

# A hint in a text: where it begins and ends, and the kinds it speaks of.
Spoken = tuple[int, int, tuple[str, ...]]


class Hints:
    """The hint words of some kinds: those in Latin script by their first word, others by their first character."""

    def __init__(self, items: tuple[Recogniser, ...]) -> None:
        latin: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        other: dict[str, list[str]] = defaultdict(list)
        for item in items:
            for hint in item.hints:
                if any(character > "ÿ" for character in hint):
                    other[hint].append(item.name)
                    continue
                first, *rest = hint.split("_")
                latin[first][hint].append(item.name)
                if not rest:
                    latin[f"{first}s"][f"{first}s"].append(item.name)
        self._latin = {first: [(_phrase(hint), tuple(kinds)) for hint, kinds in hints.items()]
                       for first, hints in latin.items()}  # fmt: skip
        self._firsts = {first: _phrase(first) for first in self._latin}
        self._other = {hint: tuple(kinds) for hint, kinds in other.items()}
        self._others = _any_of(list(other))

    def spoken(self, lowered: str, start: int, end: int) -> list[Spoken]:
        """The hints that begin in a part of a text in small letters."""
        found: list[Spoken] = []
        # Most parts speak of nothing: that is told without a match object for each word.
        words = _WORD.findall(lowered, start, end + _LONGEST)
        if not self._latin.keys().isdisjoint(words):
            for word in self._latin.keys() & words:
                for match in self._firsts[word].finditer(lowered, start, end + _LONGEST):
                    if match.start() < end:
                        found += self._phrases(lowered, word, match.start())
        if not lowered[start : end + _LONGEST].isascii():
            for match in self._others.finditer(lowered, start, end + _LONGEST):
                if match.start() < end:
                    hint = match.group(match.lastindex or 0)
                    found.append((match.start(), match.start() + len(hint), self._other[hint]))
        return found

    def _phrases(self, lowered: str, word: str, start: int) -> list[Spoken]:
        found: list[Spoken] = []
        reach = start + len(word) + _REACH
        for phrase, kinds in self._latin[word]:
            match = phrase.match(lowered, start, reach)
            if match is not None:
                found.append((start, match.end(), kinds))
        return found


def _phrase(hint: str) -> re.Pattern[str]:
    """The words of a hint with anything but letters between them."""
    words = [rf"{word}(?![a-z])" if "'" in word else rf"{word}(?![{_LETTER}]|'[a-z])" for word in hint.split("_")]
    return re.compile(rf"(?<![{_LETTER}]){f'[^{_LETTER}]+'.join(words)}")


def _any_of(hints: list[str]) -> re.Pattern[str]:
    """Hints without words, the longest first. Only the first character is taken, for another may begin at the next."""
    rest = defaultdict(list)
    for hint in sorted(hints, key=len, reverse=True):
        rest[hint[0]].append(hint)
    if not rest:
        return re.compile("(?!)()")
    # One set of characters first: the search passes over all others at the speed of a memory scan.
    looks = "|".join(
        rf"(?<={first})(?<=(?=({'|'.join(map(re.escape, begun))})).)" for first, begun in rest.items()
    )
    return re.compile(f"[{''.join(map(re.escape, rest))}](?:{looks})")


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
