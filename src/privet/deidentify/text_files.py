"""Find identifiers in a text of any size, piece by piece, by line and place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TextIO

from privet.deidentify.detect import chosen_scanner
from privet.deidentify.finding import Finding
from privet.deidentify.scan import chosen, narrow

# Characters read at once; a piece is cut so far before its end, and the next one sees so much of what came before.
PIECE: Final = 1 << 18
MARGIN: Final = 1 << 12
BEFORE: Final = 1 << 8
# A text without a space or a stop in so many characters is cut anywhere.
LONGEST: Final = 1 << 20

_LINE = re.compile(r"\n")
_STOP = re.compile(r"[\s，。；、！？]")


@dataclass(frozen=True, slots=True)
class Located:
    """One identifier: its kind, its line and the places in it, from 1, and the text itself."""

    kind: str
    line: int
    start: int
    end: int
    score: float
    text: str

    def to_json(self, *, show: bool = False) -> dict[str, Any]:
        """The finding without its text, unless that is to be shown."""
        wanted = self.__slots__ if show else self.__slots__[:-1]
        return {name: getattr(self, name) for name in wanted}

    def __repr__(self) -> str:
        return f"Located({self.kind!r}, line={self.line}, start={self.start}, end={self.end})"


def find_in_stream(stream: TextIO, *, kinds: tuple[str, ...] | None = None) -> Iterator[Located]:
    """The identifiers of a text stream in their order, those that ``find_in_text`` finds in the whole of it.

    Guarantee: none, as of ``find_in_text``. Memory holds one piece of the text.
    Units: lines and places are counted from 1, places in characters of the line; a finding may end on a later line, and
    ``end`` is then counted on from its first.
    Errors: InvalidParameter if ``kinds`` names one that there is not.

    >>> import io
    >>> list(find_in_stream(io.StringIO("one\\ntwo a.b@example.org")))
    [Located('email', line=2, start=5, end=20)]
    """
    scan, text, begin, line, column = chosen_scanner(kinds), "", 0, 1, 0
    while True:
        piece = stream.read(PIECE)
        text += piece
        candidates = scan.candidates(narrow(text), begin)
        cut = _cut(text, begin, candidates) if piece else len(text)
        for found in chosen(item for item in candidates if item.start < cut):
            line, column = _moved(text, begin, found.start, line, column)
            begin = found.start
            yield Located(found.kind, line, column + 1, column + 1 + found.end - found.start, found.score,
                          text[found.start : found.end])  # fmt: skip
        line, column = _moved(text, begin, cut, line, column)
        if not piece:
            return
        kept = max(0, cut - BEFORE)
        text, begin = text[kept:], cut - kept


def _moved(text: str, start: int, end: int, line: int, column: int) -> tuple[int, int]:
    """Line and place after a part of the text."""
    breaks = text.count("\n", start, end)
    return (line + breaks, end - text.rindex("\n", start, end) - 1) if breaks else (line, column + end - start)


def _cut(text: str, begin: int, candidates: list[Finding]) -> int:
    """The last end of a line, or of a word, that nothing lies across, far enough from the end of what was read."""
    last = len(text) - MARGIN
    taken = sorted((item.start, item.end) for item in candidates)
    for stop in (_LINE, _STOP):
        first = max(begin, last - MARGIN)
        for match in reversed(list(stop.finditer(text, first, max(first, last)))):
            if not any(start < match.end() < end for start, end in taken if end > first):
                return match.end()
    return last if len(text) - begin > LONGEST else begin
