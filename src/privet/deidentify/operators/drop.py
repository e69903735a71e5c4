"""Take a column out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class Drop:
    """Leaves nothing of the column."""

    traits: ClassVar[Traits] = Traits(gives="same")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return None

    def describe(self) -> str:
        return "dropped"


OPERATOR = Drop
