"""Round numbers to multiples of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from privet.core.errors import InvalidParameter
from privet.deidentify.numbers import numbers_like, numbers_of
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class RoundNumber:
    """The nearest multiple of ``to``, halves to the even one. What is no number becomes missing."""

    to: float

    traits: ClassVar[Traits] = Traits(gives="number")

    def __post_init__(self) -> None:
        if not 0 < self.to < float("inf"):
            raise InvalidParameter(f"to is {self.to}; give a step above 0")

    def apply(self, column: Any, *, key: bytes) -> Any:
        # A step such as 0.1 has no exact form; twelve digits take away what that adds.
        steps = np.round(numbers_of(column) / self.to)
        decimals = max(0, 12 - int(np.ceil(np.log10(self.to))))
        return numbers_like(column, np.round(steps * self.to, min(decimals, 15)))

    def describe(self) -> str:
        return f"rounded to multiples of {self.to:g}"


OPERATOR = RoundNumber
