"""Add noise to numbers, so that a known value no longer finds its row exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.chance import KeyedChance, content_of
from privet.deidentify.numbers import numbers_like, numbers_of
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class AddNoise:
    """Normal noise of standard deviation ``stddev``, in the column's unit, independent between rows.

    Guarantee: no differential privacy and no anonymity: this masks a table, it does not answer a question. The noise is
    drawn by the column's key and content, so the same table is masked alike and averaging copies gains nothing.
    What is no number becomes missing.
    Reference: Brand 2002 (uncorrelated noise).
    """

    stddev: float

    traits: ClassVar[Traits] = Traits(gives="number", keyed=True, looks_at="column")

    def __post_init__(self) -> None:
        if not 0 < self.stddev < float("inf"):
            raise InvalidParameter(f"stddev is {self.stddev}; give a number above 0")

    def apply(self, column: Any, *, key: bytes) -> Any:
        chance = KeyedChance(key, purpose=b"noise", content=content_of(column))
        return numbers_like(column, numbers_of(column) + self.stddev * chance.normal(len(column)))

    def describe(self) -> str:
        return f"with noise of standard deviation {self.stddev:g}"


OPERATOR = AddNoise
