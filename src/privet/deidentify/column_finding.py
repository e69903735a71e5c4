"""What was found in one column of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from privet.deidentify.column_words import Role


@dataclass(frozen=True, slots=True)
class ColumnFinding:
    """What one column holds, which role it plays and why; ``kind`` None if nothing was recognised.

    ``share`` is of the filled cells that were looked at, ``unique`` the share of all filled cells whose value no other
    cell has. Both are read from the data, so they leave only by a claim.
    """

    column: str
    kind: str | None
    label: str
    share: float
    unique: float
    role: Role
    why: str = ""

    @property
    def direct(self) -> bool:
        """Whether the column identifies people by itself."""
        return self.role == "identifier"

    def to_json(self) -> dict[str, Any]:
        return {**{name: getattr(self, name) for name in self.__slots__}, "direct": self.direct}
