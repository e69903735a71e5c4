"""Balls in bins: every unit takes part in one step of each epoch, drawn for it alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import Event, NoRelease, RandomlyAllocated, Repeated
from privet.core.neighbours import Relation
from privet.noise.sampling import allocated_batches


@dataclass(frozen=True, slots=True, kw_only=True)
class BallsInBins:
    """Each unit is thrown into one of the ``steps_per_epoch`` steps of an epoch, anew for each epoch.

    Guarantee: every unit takes part exactly once an epoch, as when shuffling, but independently of all others, so that
    nobody's coming or going tells of another. It usually costs less than Poisson steps of rate 1 / ``steps_per_epoch``.
    Holds under add-or-remove and zero-out; the number of units may be private. An epoch that is begun is paid for
    whole, because its price does not fall apart into steps.
    ``expected_batch_size`` is a public number: the public number of units over the steps of an epoch.
    Errors: InvalidParameter. Reference: Chua et al. 2024, Balls-and-Bins Sampling for DP-SGD; Choquette-Choo et al.
    2024, Near Exact Privacy Amplification for Matrix Mechanisms; Feldman & Shenfeld 2025.

    >>> BallsInBins(steps_per_epoch=100, expected_batch_size=64).participation(250)
    (3, 1)
    """

    steps_per_epoch: int
    expected_batch_size: float

    def __post_init__(self) -> None:
        if self.steps_per_epoch < 1:
            raise InvalidParameter(f"steps_per_epoch is {self.steps_per_epoch}; give a whole number of at least 1")
        if not 0 < self.expected_batch_size < math.inf:
            raise InvalidParameter(f"expected_batch_size is {self.expected_batch_size}; give a public number above 0")

    def require(self, relation: Relation) -> None:
        if relation is Relation.REPLACE_ONE:
            raise InvalidParameter(
                f"balls in bins are not priced under {relation}; use {Relation.ADD_OR_REMOVE} or {Relation.ZERO_OUT}, "
                "or ShuffledBatches"
            )

    def batches(self, key: bytes, *, count: int) -> Iterator[NDArray[np.int64]]:
        return allocated_batches(key, count=count, steps=self.steps_per_epoch)

    def event(self, step: Event, *, steps: int) -> Event:
        if not steps:
            return NoRelease()
        return Repeated(RandomlyAllocated(self.steps_per_epoch, step), math.ceil(steps / self.steps_per_epoch))

    def participation(self, steps: int) -> tuple[int, int] | None:
        return (math.ceil(steps / self.steps_per_epoch), 1)
