"""Keep the first characters of a postcode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class GeneralisePostcode:
    """``keep`` characters stay; the rest become asterisks, so that lengths do not tell more."""

    keep: int

    traits: ClassVar[Traits] = Traits(gives="text")

    def __post_init__(self) -> None:
        if not 0 <= self.keep <= 8:
            raise InvalidParameter(f"keep is {self.keep}; give 0 to 8 characters")

    def apply(self, column: Any, *, key: bytes) -> Any:
        text = column.astype("string").str.slice(0, self.keep) + "**"
        return text.astype(object).where(column.notna(), None)

    def describe(self) -> str:
        return f"cut to its first {self.keep} characters" if self.keep != 1 else "cut to its first character"


OPERATOR = GeneralisePostcode
