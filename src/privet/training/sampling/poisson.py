"""Poisson sampling: every unit takes part in every step by a coin of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import Event, NoRelease, PoissonSampled, Repeated
from privet.core.neighbours import Relation
from privet.noise.sampling import poisson_batches
from privet.training.sampling.scheme import sampling_rate


@dataclass(frozen=True, slots=True)
class PoissonSampling:
    """Each unit takes part in each step with probability ``rate``, independently of everything.

    ``expected_batch_size`` is a public number: the rate times the public number of units.
    Errors: InvalidParameter. Reference: Abadi et al. 2016; Zhu, Dong & Wang 2022.

    >>> PoissonSampling(Fraction(1, 4), expected_batch_size=16).steps_per_epoch
    4
    """

    rate: Fraction
    expected_batch_size: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", sampling_rate(self.rate))
        if not 0 < self.expected_batch_size < math.inf:
            raise InvalidParameter(f"expected_batch_size is {self.expected_batch_size}; give a public number above 0")

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(1 / self.rate)

    def require(self, relation: Relation) -> None:
        if relation is Relation.REPLACE_ONE:
            raise InvalidParameter(
                f"Poisson sampling is not priced under {relation}; use {Relation.ADD_OR_REMOVE} or {Relation.ZERO_OUT}"
            )

    def batches(self, key: bytes, *, count: int) -> Iterator[NDArray[np.int64]]:
        return poisson_batches(key, count=count, rate=self.rate)

    def event(self, step: Event, *, steps: int) -> Event:
        if not steps:
            return NoRelease()
        return Repeated(step if self.rate == 1 else PoissonSampled(self.rate, step), steps)

    def participation(self, steps: int) -> tuple[int, int] | None:
        return (steps, 1) if self.rate == 1 else None
