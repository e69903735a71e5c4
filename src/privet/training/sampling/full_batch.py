"""Full batches: every unit takes part in every step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import Event, NoRelease, Repeated
from privet.core.neighbours import Relation


@dataclass(frozen=True, slots=True)
class FullBatch:
    """Every unit takes part in every step; nothing is sampled, so nothing is amplified.

    ``expected_batch_size`` is a public number of units. Any relation has a price.
    Errors: InvalidParameter. Reference: Dong, Roth & Su 2022, Theorem 4 (composition of Gaussian mechanisms).

    >>> FullBatch(expected_batch_size=100).participation(7)
    (7, 1)
    """

    expected_batch_size: float

    def __post_init__(self) -> None:
        if not 0 < self.expected_batch_size < math.inf:
            raise InvalidParameter(f"expected_batch_size is {self.expected_batch_size}; give a public number above 0")

    @property
    def steps_per_epoch(self) -> int:
        return 1

    def require(self, relation: Relation) -> None:
        """Every relation has a price."""

    def batches(self, key: bytes, *, count: int) -> Iterator[NDArray[np.int64]]:
        while True:
            yield np.arange(count)

    def event(self, step: Event, *, steps: int) -> Event:
        return Repeated(step, steps) if steps else NoRelease()

    def participation(self, steps: int) -> tuple[int, int] | None:
        return (steps, 1)
