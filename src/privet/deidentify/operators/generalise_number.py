"""Replace a number by a range of public width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class GeneraliseNumber:
    """Ranges of ``width`` from ``lowest`` to ``highest``; what lies beyond is coded as the first or last range.

    All three are public: stated, never read from the data.
    """

    width: float
    lowest: float
    highest: float

    traits: ClassVar[Traits] = Traits(gives="text")

    def __post_init__(self) -> None:
        if not self.width > 0 or not self.lowest + self.width <= self.highest:
            raise InvalidParameter(
                f"width {self.width}, lowest {self.lowest}, highest {self.highest}: give a width that fits"
            )

    def apply(self, column: Any, *, key: bytes) -> Any:
        import pandas

        last = math.ceil((self.highest - self.lowest) / self.width) - 1
        numbers = pandas.to_numeric(column, errors="coerce")
        bins = ((numbers - self.lowest) // self.width).clip(0, last)
        labels = {float(k): self._label(k, last) for k in range(last + 1)}
        return bins.map(labels).astype(object)

    def _label(self, number: int, last: int) -> str:
        low, high = self.lowest + number * self.width, self.lowest + (number + 1) * self.width
        if number == last:
            return f">={low:g}"
        return f"<{high:g}" if number == 0 else f"{low:g}-{high:g}"

    def describe(self) -> str:
        return f"generalised to ranges of {self.width:g}"


OPERATOR = GeneraliseNumber
