"""Replace numbers beyond a limit by the limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from privet.core.errors import InvalidParameter
from privet.deidentify.numbers import numbers_like, numbers_of
from privet.deidentify.operator import Traits

_INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class TopBottomCode:
    """Nothing below ``lowest`` or above ``highest`` is left; one of them may be left out.

    Both are public: stated, never read from the data. What is no number becomes missing.
    Reference: Willenborg & de Waal 2001, section 1.4.
    """

    lowest: float = -_INFINITY
    highest: float = _INFINITY

    traits: ClassVar[Traits] = Traits(gives="number")

    def __post_init__(self) -> None:
        if not self.lowest < self.highest or (self.lowest == -_INFINITY and self.highest == _INFINITY):
            raise InvalidParameter(
                f"lowest is {self.lowest:g} and highest {self.highest:g}; give at least one, and lowest below highest"
            )

    def apply(self, column: Any, *, key: bytes) -> Any:
        return numbers_like(column, np.clip(numbers_of(column), self.lowest, self.highest))

    def describe(self) -> str:
        low = f"at least {self.lowest:g}" if self.lowest > -_INFINITY else ""
        high = f"at most {self.highest:g}" if self.highest < _INFINITY else ""
        return "coded as " + " and ".join(filter(None, (low, high)))


OPERATOR = TopBottomCode
