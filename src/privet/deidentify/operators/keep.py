"""Leave a column as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Keep:
    """Changes nothing. A column in which direct identifiers were found is kept only with a written ``reason``."""

    reason: str = ""

    def apply(self, column: Any, *, key: bytes) -> Any:
        return column

    def describe(self) -> str:
        return f"kept ({self.reason})" if self.reason else "kept"


OPERATOR = Keep
