"""Names at capitalised words: three looks in dictionaries tell which kinds a word may begin, before any is tried.

Names are told by lists and by words around them (``Recogniser.tells``), so that many capitalised words begin nothing
and most others one or two kinds. What is kept between texts is the lists' words alone, none of a text's.
"""

from __future__ import annotations

import re
import string
from collections import defaultdict
from collections.abc import Sequence

from privet.deidentify.finding import Finding, checked
from privet.deidentify.recogniser import Recogniser, compiled
from privet.deidentify.words import LINK, LOWER, UPPER

# The first word up to a hyphen, whether it has more capitals ("McDonald"), the plain words after it, and what follows.
_WORD = re.compile(
    rf"([{UPPER}](?:['’][{UPPER}])?[{LOWER}]*)(?:([{UPPER}])[{UPPER}{LOWER}]*)?"
    rf"((?: [{UPPER}][{LOWER}]++(?![{UPPER}0-9])){{0,4}}+)"
    rf"(,? (?:[{UPPER}]|&|[a-z]+)?|,|[\s\S])?"
)
_PUNCTUATION = string.punctuation
_CAPITALS = [chr(code) for code in range(0x180) if re.match(f"[{UPPER}]", chr(code))]
# After one of these more of a name may follow, so that only its pattern tells where it ends.
_LINKS = ["&", *_CAPITALS, *re.findall("[a-z]+", LINK), "and", "of", "the", "u", "am", "an"]
_JOINED = frozenset({"-", *(f"{sign} {link}" for sign in ("", ",") for link in _LINKS)})
# So far back the words before and the line that began are looked for.
_BEFORE = 24


class Capitals:
    """The tells of some kinds: a set of kinds is a number, one bit for each."""

    def __init__(self, items: tuple[Recogniser, ...]) -> None:
        named = [item for item in items if "capital" in item.anchors and (item.alone or not item.needs_context)]
        # The patterns are compiled when they are first needed.
        self._tries = [(item, item.alone if item.needs_context and item.alone else item.pattern) for item in named]
        self._kinds: dict[int, list[int]] = {}
        self._first: dict[str, int] = defaultdict(int)
        self._before: dict[str, int] = defaultdict(int)
        self._sign: dict[str, int] = defaultdict(int)
        self._after: dict[str, int] = defaultdict(int)
        self._within: dict[str, int] = defaultdict(int)
        self._more = 0
        self._seconds: set[str] = set()
        self._any = (1 << len(named)) - 1
        self._always = 0
        for place, item in enumerate(named):
            self._add(item, 1 << place)

    def _add(self, item: Recogniser, kind: int) -> None:
        if item.tells is None:
            self._always |= kind
            return
        for word in item.tells.first:
            self._first[word] |= kind
        for word in item.tells.before:
            (self._before if word[:1].isalpha() else self._sign)[word] |= kind
            if " " in word:
                self._seconds.add(word.split(" ")[1])
        for word in item.tells.after:
            for form in [word[:-1] + capital for capital in _CAPITALS] if word.endswith("A") else [word]:
                self._after[form] |= kind
        for word in item.tells.within:
            self._within[word] |= kind
        if " A" in item.tells.after and not item.tells.within:
            self._more |= kind

    def found(self, text: str, starts: list[int]) -> dict[int, list[Finding]]:
        """What fits at capitalised words, by place: one kind after the other, the surest first."""
        asked: list[list[tuple[int, int]]] = [[] for _ in self._tries]
        for start in starts:
            kinds, stop = self.told(text, start)
            for kind in self._kinds.get(kinds) or self._parted(kinds):
                asked[kind].append((start, stop))
        found: dict[int, list[Finding]] = defaultdict(list)
        for (item, form), asks in zip(self._tries, asked, strict=True):
            if not asks:
                continue
            match, runs = compiled(form).match, item.tells is not None and item.tells.runs
            for start, stop in asks:
                if not (runs and stop):
                    fits = match(text, start)
                    if fits is None:
                        continue
                    stop = fits.end()
                finding = checked(item, text, start, stop)
                if finding is not None:
                    found[start].append(finding)
        return found

    def _parted(self, kinds: int) -> list[int]:
        return self._kinds.setdefault(kinds, [kind for kind in range(len(self._tries)) if kinds >> kind & 1])

    def told(self, text: str, start: int) -> tuple[int, int]:
        """The kinds that a word may begin, and where the run of plain words ends that it begins, or 0."""
        match = _WORD.match(text, start)
        if match is None:
            return self._any, 0
        first, humps, more, after = match.groups("")
        if humps:
            return self._any, 0
        kinds = self._always | self._first.get(first.lower(), 0) | self._after.get(after, 0)
        if more:
            kinds |= self._more
            for word in more.split():
                kinds |= self._within.get(word, 0)
        plain = after not in _JOINED and first[-1].islower() and not after.isalnum()
        return kinds | self._told_before(text, start), match.end(3) if plain else 0

    def _told_before(self, text: str, start: int) -> int:
        """What the words before tell."""
        before = text[start - _BEFORE if start > _BEFORE else 0 : start]
        kinds = self._told_line(before) if "\n" in before else 0
        words = before.rsplit(None, 1) if before[-1:].isspace() else ()
        if words:
            return kinds | self._sign.get(words[-1][-1], 0) | self._told_words(words)
        return kinds if before else kinds | self._sign[""]

    def _told_words(self, words: Sequence[str]) -> int:
        """What the word before tells, or the two before."""
        word = words[-1] if words[-1].isalpha() else words[-1].strip(_PUNCTUATION)
        word = word.lower()
        kinds = self._before.get(word, 0)
        if word in self._seconds and len(words) > 1:
            last = words[0].split()[-1].strip(_PUNCTUATION)
            kinds |= self._before.get(f"{last} {word}", 0)
        return kinds | self._before["ex-"] if word.startswith("ex-") else kinds

    def _told_line(self, before: str) -> int:
        """What the beginning of a line tells: quoted lines have signs before them."""
        above = before.rstrip(" >?*")
        if not above.endswith("\n"):
            return 0
        below = above.rstrip(" >?*\n")[-1:]
        return self._sign["\n"] | (self._sign["0\n"] if below.isalnum() or not below else 0)
