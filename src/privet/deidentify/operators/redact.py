"""Replace every cell by the same text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class Redact:
    """Keeps only which cells were filled."""

    text: str = "[redacted]"

    traits: ClassVar[Traits] = Traits(gives="text")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return column.astype(object).where(column.isna(), self.text)

    def describe(self) -> str:
        return "redacted"


OPERATOR = Redact
