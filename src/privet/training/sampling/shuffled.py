"""Shuffled batches: every unit takes part once in each epoch, in an order that is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import Event, NoRelease, Repeated
from privet.core.neighbours import Relation
from privet.noise.sampling import shuffled_orders


@dataclass(frozen=True, slots=True)
class ShuffledBatches:
    """Units in a drawn order, cut into ``steps_per_epoch`` batches; a new order for each epoch, or one for all.

    Guarantee: whatever the order, a unit takes part in one step of an epoch, so an epoch costs what one step on
    everybody costs, and a mixture over orders costs no more (joint convexity of the divergence). It is not priced as
    Poisson sampling, because it protects less: with little noise in many steps, by several epsilon. Units are dealt to
    places by number, so that nobody's coming or going moves another: the number of units must be public.
    ``same_order`` keeps the first order, so that a unit's steps lie ``steps_per_epoch`` apart, which correlated noise
    needs to be of use. ``expected_batch_size`` is the public number of units over the steps of an epoch.
    Errors: InvalidParameter, also under add-or-remove. Reference: Chua et al. 2024, How Private are DP-SGD
    Implementations?

    >>> batches = ShuffledBatches(units=10, batch_size=4)
    >>> batches.steps_per_epoch, [len(batch) for batch, _ in zip(batches.batches(bytes(32), count=10), range(3))]
    (3, [4, 3, 3])
    """

    units: int
    batch_size: int
    same_order: bool = False

    def __post_init__(self) -> None:
        if self.units < 1 or not self.batch_size >= 1:
            raise InvalidParameter(
                f"units is {self.units} and batch_size {self.batch_size}; give whole numbers of at least 1"
            )

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.units / self.batch_size)

    @property
    def expected_batch_size(self) -> float:
        return self.units / self.steps_per_epoch

    def require(self, relation: Relation) -> None:
        if relation is Relation.ADD_OR_REMOVE:
            raise InvalidParameter(
                f"shuffled batches are not priced under {relation}: one unit more moves all others; use "
                f"{Relation.ZERO_OUT}, or Poisson sampling"
            )

    def batches(self, key: bytes, *, count: int) -> Iterator[NDArray[np.int64]]:
        if count != self.units:
            raise InvalidParameter(
                f"the data set has another number of units than the public {self.units}; shuffle exactly as many"
            )
        for order in shuffled_orders(key, count=count, again=not self.same_order):
            yield from np.array_split(order, self.steps_per_epoch)

    def event(self, step: Event, *, steps: int) -> Event:
        return Repeated(step, math.ceil(steps / self.steps_per_epoch)) if steps else NoRelease()

    def participation(self, steps: int) -> tuple[int, int] | None:
        return (math.ceil(steps / self.steps_per_epoch), self.steps_per_epoch if self.same_order else 1)
