"""Which kinds the words beside a place speak of: each part of a text is looked at once, for all kinds together."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict

from privet.deidentify.recogniser import Recogniser

# How far before and after a place its words count, in characters.
BEFORE, AFTER = 48, 24

_NONE: frozenset[str] = frozenset()
# Parts of a text that are looked at together, and how far the other words of a phrase may reach.
_BLOCK, _REACH = 2048, 64
# One byte a character: Latin letters stay, and everything else is a space between words.
_WORDS = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz" or 0xDF < code != 0xF7 else 32 for code in range(256))

# A hint in a text: where it begins and ends, and the kinds it speaks of.
Spoken = tuple[int, int, tuple[str, ...]]
# A hint of several words: the words after the first, and the kinds it speaks of.
_Phrase = tuple[list[bytes], tuple[str, ...]]


class Hints:
    """The hint words of some kinds: those in Latin script by their first word, all others in one pattern."""

    def __init__(self, items: tuple[Recogniser, ...]) -> None:
        latin: dict[str, list[str]] = defaultdict(list)
        other: dict[str, list[str]] = defaultdict(list)
        for item in items:
            for hint in item.hints:
                (other if any(character > "ÿ" for character in hint) else latin)[hint].append(item.name)
        self._alone: dict[bytes, tuple[str, ...]] = defaultdict(tuple)
        self._phrases: dict[bytes, list[_Phrase]] = defaultdict(list)
        for hint, kinds in latin.items():
            first, *rest = hint.replace("'", "_'").encode("latin-1").split(b"_")
            if rest:
                self._phrases[first].append((rest, tuple(kinds)))
                continue
            self._alone[first] += tuple(kinds)
            self._alone[first + b"s"] += tuple(kinds)
        self._firsts = self._alone.keys() | self._phrases.keys()
        self._other = {hint: tuple(kinds) for hint, kinds in other.items()}
        self._others = _any_of(list(other))

    def spoken(self, lowered: str, start: int, end: int) -> list[Spoken]:
        """The hints that begin in a part of a text in small letters, from left to right."""
        found: list[Spoken] = []
        # A character before, and after the end as many as a phrase may have.
        first = max(0, start - 1)
        part = lowered[first : end + 2 * _REACH]
        spaced = b" %b " % part.encode("latin-1", "replace").translate(_WORDS)
        for word in self._firsts & set(spaced.split()):
            alone, phrases, mark = self._alone.get(word), self._phrases.get(word), b" %b " % word
            place = spaced.find(mark)
            while place >= 0:
                if start <= first + place < end:
                    stop = place + len(word)
                    if alone and not _goes_on(part, stop):
                        found.append((first + place, first + stop, alone))
                    if phrases:
                        found += _spoken(part, spaced, phrases, place, stop, first)
                place = spaced.find(mark, place + 1)
        if not part.isascii():
            for match in self._others.finditer(lowered, start, end + _REACH):
                hint = match.group() + match.group(match.lastindex or 0)
                if match.start() < end:
                    found.append((match.start(), match.start() + len(hint), self._other[hint]))
        return sorted(found)


def _spoken(part: str, spaced: bytes, phrases: list[_Phrase], place: int, stop: int, first: int) -> list[Spoken]:
    """The phrases that begin with a word, whose place is its own in the part: one less than in its spaced form."""
    found: list[Spoken] = []
    for rest, kinds in phrases:
        end = _end(part, spaced, rest, stop)
        if end and not _goes_on(part, end):
            found.append((first + place, first + end, kinds))
    return found


def _end(part: str, spaced: bytes, rest: list[bytes], stop: int) -> int:
    """Where the further words of a phrase end that must come next, or 0."""
    limit = stop + _REACH
    for word in rest:
        if word.startswith(b"'"):
            if not part.startswith(word.decode("latin-1"), stop):
                return 0
            stop += len(word)
            continue
        ahead = spaced[stop + 1 : limit + 2]
        following = ahead.lstrip()
        if _goes_on(part, stop) or not following.startswith(word + b" "):
            return 0
        stop += len(ahead) - len(following) + len(word)
    return stop


def _goes_on(part: str, stop: int) -> bool:
    """Whether a word goes on after an apostrophe."""
    return part[stop : stop + 1] == "'" and "a" <= part[stop + 1 : stop + 2] <= "z"


def _any_of(hints: list[str]) -> re.Pattern[str]:
    """Hints without words, the longest first. Only the first character is taken, for another may begin at the next."""
    begun = defaultdict(list)
    for hint in sorted(hints, key=len, reverse=True):
        begun[hint[0]].append(re.escape(hint[1:]))
    if not begun:
        return re.compile("(?!)()")
    # Each alternative begins with a character: the search passes over all others at the speed of a memory scan.
    return re.compile("|".join(f"{re.escape(first)}(?=({'|'.join(each)}))" for first, each in begun.items()))


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
        block = first // _BLOCK
        hints = self._blocks[block] if block in self._blocks else self._block(block)
        if last >= (block + 1) * _BLOCK:
            for more in range(block + 1, last // _BLOCK + 1):
                hints = hints + self._block(more)
        kinds: list[str] = []
        for place in range(bisect_left(hints, (first,)), len(hints)):
            begins, ends, spoken = hints[place]
            if begins > last:
                break
            if ends <= last and (ends <= start or begins >= end):
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
