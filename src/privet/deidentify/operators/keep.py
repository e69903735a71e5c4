"""Leave a column as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class Keep:
    """Changes nothing. A column in which direct identifiers were found is kept only with a written ``reason``."""

    reason: str = ""

    traits: ClassVar[Traits] = Traits(gives="same")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return column

    def describe(self) -> str:
        return f"kept ({self.reason})" if self.reason else "kept"


OPERATOR = Keep
