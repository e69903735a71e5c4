"""Leave a column as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Keep:
    """Changes nothing. Refused for columns that hold direct identifiers."""

    def apply(self, column: Any, *, key: bytes) -> Any:
        return column

    def describe(self) -> str:
        return "kept"


OPERATOR = Keep
