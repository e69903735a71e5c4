"""Cover the characters of a value but for a few at its ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class Mask:
    """The ``first`` and ``last`` characters stay, those between become ``character``, spaces too.

    A value in which that would cover fewer than half of the characters is covered whole. Its length is told.
    """

    first: int = 0
    last: int = 0
    character: str = "*"

    traits: ClassVar[Traits] = Traits(gives="text")

    def __post_init__(self) -> None:
        if self.first < 0 or self.last < 0 or self.first + self.last > 100:
            raise InvalidParameter(f"first is {self.first} and last {self.last}; give 0 to 100 characters together")
        if len(self.character) != 1:
            raise InvalidParameter("character must be one character, such as *")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return treat_distinct(column, lambda texts: [self._masked(text) for text in texts])

    def _masked(self, text: str) -> str:
        covered = len(text) - self.first - self.last
        if 2 * covered < len(text):
            return self.character * len(text)
        return text[: self.first] + self.character * covered + text[len(text) - self.last :]

    def describe(self) -> str:
        shown = [f"its {word} {count}" for word, count in (("first", self.first), ("last", self.last)) if count]
        return "masked" + (f" but for {' and '.join(shown)} characters" if shown else "")


OPERATOR = Mask
