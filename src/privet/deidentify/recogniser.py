"""What a recogniser is: a pattern, perhaps a checksum, and the words that columns of its kind are named with."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from privet.core.plugins import attribute, names

FAMILY = "privet.deidentify.recognisers"


@dataclass(frozen=True, slots=True)
class Recogniser:
    """One kind of identifier.

    ``pattern`` matches the identifier alone; it must bring its own look-arounds, because a word boundary does not
    exist between a Chinese character and a digit. ``validate`` gets the matched text. ``in_text`` kinds are looked for
    in free text and in any column; the others (names, postcodes) only mean something in a column whose name contains
    one of ``hints``. ``direct`` identifiers point at one person by themselves, quasi-identifiers only together.
    """

    name: str
    label: str
    pattern: re.Pattern[str]
    source: str
    score: float
    hints: tuple[str, ...] = ()
    validate: Callable[[str], bool] | None = None
    in_text: bool = True
    direct: bool = True

    def accepts(self, text: str) -> bool:
        """Whether the whole text is such an identifier."""
        match = self.pattern.fullmatch(text)
        return match is not None and (self.validate is None or self.validate(text))

    def hinted_by(self, column: str) -> bool:
        """Whether a column's name speaks of this kind."""
        words = re.split(r"[\s_\-./]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", column).lower())
        joined = "_".join(words)
        return any(hint in words or ("_" in hint and hint in joined) or (not hint.isascii() and hint in column)
                   for hint in self.hints)  # fmt: skip


@functools.cache
def recognisers() -> tuple[Recogniser, ...]:
    """Every recogniser, found by file name, surest first."""
    found = [attribute(FAMILY, name, "RECOGNISER") for name in names(FAMILY)]
    return tuple(sorted(found, key=lambda item: -item.score))


def weighted_sum(text: str, weights: tuple[int, ...]) -> int:
    """Sum of digits times weights, as most national checksums need it."""
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True))
