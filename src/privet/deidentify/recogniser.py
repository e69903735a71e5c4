"""What a recogniser is: a pattern, perhaps a checksum, and the words that speak of its kind."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from privet.core.plugins import attribute, names
from privet.deidentify.checksums import weighted_sum

__all__ = [
    "FAMILY",
    "NUMBER_BEGINS",
    "NUMBER_ENDS",
    "Anchor",
    "Recogniser",
    "Tells",
    "compiled",
    "recognisers",
    "weighted_sum",
]

FAMILY = "privet.deidentify.recognisers"

# Places other than a run of digits or letters where a match can begin: a sign before a digit; the local part of an
# address before "@"; the scheme before "://" or "www."; a group of hexadecimals before a colon; the character of a
# Chinese province before a capital letter, or the name of a calendar; a capitalised word; in Chinese, a surname in a
# place for names, a listed place, the ending of an organisation, and a house number.
Anchor = Literal["sign", "mail", "scheme", "hex", "han", "capital", "han_name", "han_place", "han_ending", "han_house"]


# No decimal point or hyphen before a number, and no more of the same after it.
NUMBER_BEGINS = r"(?<![.\-])"
NUMBER_ENDS = r"(?![A-Za-z0-9]|[\-.][0-9])"


@dataclass(frozen=True, slots=True)
class Tells:
    """What tells that a kind may begin at a capitalised word: one of these suffices, nothing else does.

    ``first`` are the words that it may begin with, in small letters, up to a hyphen. ``before`` is the word before it,
    or two, in small letters without punctuation, or the sign that the word before ends in ("\\n" where a line begins,
    "0\\n" where that is one below a letter or digit, "" where the text begins). ``after`` is what may follow: with the
    space or comma before it a word in small letters, "A" for any capital, or one character. Where more capitalised
    words follow, ``within`` are those of which one must be among them.
    ``runs`` says that the pattern fits a run of plain capitalised words as a whole, so that it need not be tried there.
    """

    first: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    within: frozenset[str] = frozenset()
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Recogniser:
    """One kind of identifier.

    ``pattern`` matches the identifier alone, in ASCII: the scan has turned full-width characters into plain ones, and
    begins a match only where no ASCII letter or digit stands before. The pattern brings its own look-aheads, because
    a word boundary does not exist between a Chinese character and a digit; it has no capturing groups.
    The scan looks only where a match can begin, which is where its speed comes from. ``begins`` is a pattern of
    how it begins where that is a run of digits, or of letters with a digit in the same word or the next: of that run
    and the two characters after it, digits written 0, capitals A, small letters a, beyond ASCII a question mark;
    ``anchors`` are the other places. A kind that begins at "capital" and has
    ``tells`` is looked for only where they say so.
    ``validate`` gets the matched text; ``locate`` instead gets text, start and end, and gives the bounds and score
    that the words decide.
    ``hints`` are words in a column's name, or near before or after the place in a text. A kind that ``needs_context``
    is found in text only beside such a word, except where the pattern ``alone`` matches. ``cell`` is the pattern of a
    whole cell, for kinds that any text may look like (names, addresses): only a column that is named so is taken for
    them. Kinds that are not ``in_text`` are looked for in columns alone. ``direct`` identifiers point at one person by
    themselves, quasi-identifiers only together.
    """

    name: str
    label: str
    pattern: str
    source: str
    score: float
    begins: str | None = None
    anchors: tuple[Anchor, ...] = ()
    tells: Tells | None = None
    hints: tuple[str, ...] = ()
    validate: Callable[[str], bool] | None = None
    locate: Callable[[str, int, int], tuple[int, int, float] | None] | None = None
    needs_context: bool = False
    alone: str | None = None
    cell: str | None = None
    in_text: bool = True
    direct: bool = True

    def accepts(self, text: str) -> bool:
        """Whether the whole text is such an identifier."""
        match = compiled(self.cell or self.pattern).fullmatch(text)
        return match is not None and (self.validate is None or self.validate(text))

    def hinted_by(self, column: str) -> bool:
        """Whether a column's name speaks of this kind."""
        words = re.split(r"[\s_\-./]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", column).lower())
        joined = "_".join(words)
        return any(hint in words or ("_" in hint and hint in joined) or (not hint.isascii() and hint in column)
                   for hint in self.hints)  # fmt: skip


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A recogniser's pattern. Digits are ASCII digits: other scripts' would pass and then fail every checksum."""
    return re.compile(pattern, re.ASCII)


@functools.cache
def recognisers() -> tuple[Recogniser, ...]:
    """Every recogniser, found by file name, surest first."""
    found = [attribute(FAMILY, name, "RECOGNISER") for name in names(FAMILY)]
    return tuple(sorted(found, key=lambda item: -item.score))
