"""Where in a text an identifier can begin: found from characters that identifiers have and prose seldom has."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator

from privet.deidentify.hanzi import PROVINCES, hanzi_places
from privet.deidentify.words import LOWER, UPPER

# Words that begin sentences and no name: looking at each would cost prose most of its speed.
_PROSE = re.findall(
    "[A-Z][a-z]*",
    "After And Are As At But By Come Dear Did Do For From Good Have He Hear Her Here His How If In Is It Let "
    "Must My Nay No Not Now Of On Or Our Please Shall She Should Sir So That The Then There These They This "
    "Those Thou Thy To Upon Was We Well What When Where Which Who Why With Would You Your",
)
_BEGUN = "|".join(
    f"(?<={w[0]})(?:{'|'.join(v[1:] for v in _PROSE if v[0] == w[0])})"
    for w in sorted({w[0]: w for w in _PROSE}.values())
)
# One set of first characters, so that the search passes over everything else at the speed of a memory scan.
# A word is taken with its digits, so that each word is met once. What follows a digit and a point or hyphen is a later
# part of a number (a second address of a range has points after it); one digit begins something only where more of
# it follows. Groups of digits after a number are met with it, for they are part of a card's number more often than not.
_ANCHOR = re.compile(
    rf"[0-9{UPPER}@:w民]"
    r"(?:(?<=[0-9])(?:(?<=[.\-].)(?:(?<=[0-9]\.[0-9])|(?<=[0-9]-[0-9])(?![0-9]*+\.))(?P<later>[0-9]*+)"
    r"|(?<![A-Za-z+(\-].)(?:(?P<digit>[0-9]++|(?=[.\-/:][0-9A-Fa-f:]|[A-Za-z°年]|[ ][0-9A-Za-z°年])))"
    r"|(?<=[A-Za-z+(\-].)(?P<mixed>[0-9]*+)|(?P<neither>[0-9]*+))[A-Za-z0-9]*+"
    r"(?P<groups>(?:[ ][0-9]{2,}+(?![A-Za-z0-9]))++)?"
    r"|(?<=[A-Z])(?<![A-Za-z0-9].)"
    r"(?P<letter>[A-Z]{0,3}(?=[ \-·][0-9])|[A-F](?=-[0-9A-F]{2}-)|[a-z]{2,8}(?=\.? [0-9])|[A-Z]{7,}+)"
    r"|(?<=民)(?P<han>國)"
    r"|(?<=@)(?P<mail>)(?=[A-Za-z0-9])"
    r"|(?<=:)(?:(?P<scheme>//)|(?P<colons>:)(?=[0-9A-Fa-f])(?<![0-9A-Za-z]::)"
    r"|(?P<hex>)(?<=[0-9A-Fa-f]:)(?=[0-9A-Fa-f:]))"
    r"|(?<=[Ww])(?<![A-Za-z0-9].)(?P<www>[Ww]{2}\.)"
    rf"|(?<=[{UPPER}])(?<![{LOWER}{UPPER}0-9'’\-].)(?P<capital>)(?!(?:{_BEGUN})(?![{LOWER}]))"
    rf"(?=[{LOWER}]|['’][{UPPER}]|[{UPPER}][{LOWER}]|/(?<=C/)\.? ?[{UPPER}{LOWER}]"
    # Towns in capitals: only where places are named, or every heading would be looked at.
    rf"|[{UPPER}]{{2}}(?<=(?:n|o|m|,|>|\?|\n) .)))",
    re.ASCII,
)
_DIGIT, _MIXED, _GROUPS = (_ANCHOR.groupindex[name] for name in ("digit", "mixed", "groups"))
_NAMED = {"colons": "hex", "www": "scheme", "han": "han"}
# Met so that each number is met once, and no place.
_PASSED = frozenset({"later", "neither"})
_PROVINCES = frozenset(PROVINCES)
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")
_WORD = _LETTERS | _DIGITS
_LOCAL = _WORD | frozenset("._%+-")
# What begins further back than it is met.
_BACK = {"mail": ("mail", _LOCAL), "hex": ("hex", _WORD), "scheme": ("scheme", _LETTERS)}
# Parts of a text without any character of an anchor are passed over; "www." may reach beyond one by three, and a look
# ahead by some more.
_PART, _REACH, _MARGIN = 1024, 3, 64
# A character that Latin-1 has not becomes a question mark, which may be anything.
_DULL = bytes(code for code in range(256) if chr(code) not in "@:?民" and re.match(f"[0-9{UPPER}]", chr(code)) is None)
# As long as the longest local part (RFC 5321 section 4.5.3.1.1); a walk back is no longer, so the pass stays linear.
_LONGEST = 64

Place = tuple[int, str, int]


def places(text: str, begin: int = 0) -> list[Place]:
    """Places where an identifier can begin, how, and the length of the run of digits or letters there.

    What stands before ``begin`` is seen and not searched. Groups of digits after a number are one place (``groups``).

    >>> places("ID A123456789 or a.b@example.org, +886 912")
    [(3, 'letter', 1), (17, 'mail', 0), (34, 'sign', 0), (35, 'digit', 3), (38, 'groups', 4)]
    """
    found: list[Place] = []
    for first, last in _parts(text, begin) if len(text) - begin > _PART else [(begin, len(text))]:
        for match in _ANCHOR.finditer(text, first, last + _MARGIN):
            start, way = match.start(), match.lastgroup
            if start >= last:
                break
            if way == "capital":
                found.append((start, way, 0))
            elif way == "digit":
                found.append((start, way, match.end(_DIGIT) - start))
            elif way == "groups":
                _grouped(text, match, found)
            elif way is not None and way not in _PASSED:
                _other(text, match, way, found)
    chinese = [] if text.isascii() else hanzi_places(text, begin)
    return sorted(found + chinese, key=operator.itemgetter(0)) if chinese else found


def _parts(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """The parts of a text that have a character that identifiers begin at: others are told by bytes, many at once."""
    marks = text.encode("latin-1", "replace")
    first = begin
    for start in range(begin, len(text), _PART):
        part = marks[start : start + _PART + _REACH]
        if not part.translate(None, _DULL) and b"ww" not in part:
            if first < start:
                yield first, start
            first = start + _PART
    if first < len(text):
        yield first, len(text)


def groups(text: str, start: int, length: int) -> list[Place]:
    """The places of groups of digits that were met together, a space before each.

    >>> groups("4111 1111 23", 4, 8)
    [(5, 'digit', 4), (10, 'digit', 2)]
    """
    found: list[Place] = []
    place = start + 1
    for group in text[start + 1 : start + length].split(" "):
        found.append((place, "digit", len(group)))
        place += len(group) + 1
    return found


def _grouped(text: str, match: re.Match[str], found: list[Place]) -> None:
    """A number, and the groups of digits that follow it together."""
    start, end = match.start(), match.end(_DIGIT)
    if end >= 0:
        found.append((start, "digit", end - start))
    elif match.end(_MIXED) >= 0:
        _number(text, start, match.end(_MIXED), found)
    begins, ends = match.span(_GROUPS)
    found.append((begins, "groups", ends - begins))


def _other(text: str, match: re.Match[str], way: str, found: list[Place]) -> None:
    """A place of one of the ways that are rare."""
    start = match.start()
    if way == "mixed":
        _number(text, start, match.end(way), found)
    elif way == "letter":
        _word(text, start, match.end(), found)
    elif way in _BACK:
        named, allowed = _BACK[way]
        found.append((_back(text, start, allowed), named, 0))
    else:
        found.append((start, _NAMED[way], 0))


def _number(text: str, start: int, end: int, found: list[Place]) -> None:
    """A number after letters, or after what may be its sign."""
    if text[start - 1] in _LETTERS:
        _word(text, _back(text, start, _LETTERS), start, found)
        return
    if start < 2 or text[start - 2] not in _WORD:
        found.append((start - 1, "sign", 0))
    found.append((start, "digit", end - start))


def _word(text: str, start: int, end: int, found: list[Place]) -> None:
    """Letters before a digit: they may begin a number, or be a name beside one."""
    if end > start + 2 and text[end - 1] not in _DIGITS and text[start + 1].islower():
        found.append((start, "capital", 0))
    if start and text[start - 1] in _PROVINCES:
        found.append((start - 1, "han", 0))
    found.append((start, "letter", end - start))


def _back(text: str, start: int, allowed: frozenset[str]) -> int:
    """The first place of the run of allowed characters that ends before ``start``."""
    least = max(0, start - _LONGEST)
    while start > least and text[start - 1] in allowed:
        start -= 1
    return start
