"""What an operator is: a frozen class whose fields are its settings, and what others must know of it to run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

FAMILY = "privet.deidentify.operators"


@dataclass(frozen=True, slots=True)
class Traits:
    """What an operator looks at and gives.

    ``looks_at`` is "cell" where each row is treated by itself, so that a file can be treated piece by piece, and
    "column" where the whole column decides. ``gives`` is the type that comes out: text; a number, if the column had a
    type of numbers, else its text; or the type that went in. ``keyed`` operators depend on the column's key.
    """

    gives: Literal["text", "number", "same"]
    keyed: bool = False
    looks_at: Literal["cell", "column"] = "cell"


class Operator(Protocol):
    """Treats one column: a pandas Series in, a new one of the same length and index out, or None to drop it.

    Cells that are missing stay missing. ``key`` is the column's own, or that of its domain.
    """

    traits: ClassVar[Traits]

    def apply(self, column: Any, *, key: bytes) -> Any: ...

    def describe(self) -> str: ...


class PersonOperator(Protocol):
    """Treats one column by whose cell it is; ``key`` is that of the column that names the ``person``."""

    person: str

    def apply_by(self, column: Any, *, persons: Any, key: bytes) -> Any: ...


class ReversibleOperator(Protocol):
    """Can be undone with the column's key, where the policy says ``reversible``."""

    reversible: bool

    def reverse(self, column: Any, *, key: bytes) -> Any: ...


class JointOperator(Protocol):
    """Treats several columns together: a pandas frame of just these in, a new one out."""

    traits: ClassVar[Traits]

    def apply_together(self, frame: Any, *, key: bytes) -> Any: ...

    def describe(self) -> str: ...
