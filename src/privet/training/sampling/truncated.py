"""Poisson sampling with a largest batch: what does not fit is left out by chance, and that has its price."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privet.accounting.truncation import expected_size
from privet.core.errors import InvalidParameter
from privet.core.events import Event, NoRelease, Repeated, TruncatedPoissonSampled
from privet.core.neighbours import Relation
from privet.noise.sampling import truncated_batches
from privet.training.sampling.scheme import sampling_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedPoissonSampling:
    """Each unit takes part with probability ``rate``; of more than ``max_batch_size`` a random subset stays.

    Guarantee: as Poisson sampling where the batch is not full. Where it is, a unit that comes drives out another, which
    costs as much as noise half as large; the price adds both up by their chances, which follow from ``units``, a public
    number. Batches are drawn from that many places, so fewer units may be there: then a place without a unit is drawn
    like any other and adds nothing, and the true number stays private. Holds under add-or-remove and zero-out.
    ``expected_batch_size`` is the expected size of a batch of places.
    Errors: InvalidParameter, also where there are more units than places. Reference: Ganesh 2025, Tighter Privacy
    Analysis for Truncated Poisson Sampling; docs/decisions/012-sampling.md.

    >>> sampling = TruncatedPoissonSampling(rate=Fraction(1, 10), units=1000, max_batch_size=128)
    >>> sampling.steps_per_epoch, round(sampling.expected_batch_size, 2)
    (10, 99.99)
    """

    rate: Fraction
    units: int
    max_batch_size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", sampling_rate(self.rate))
        if self.units < 1 or self.max_batch_size < 1:
            raise InvalidParameter(
                f"units is {self.units} and max_batch_size {self.max_batch_size}; give whole numbers of at least 1"
            )

    @property
    def expected_batch_size(self) -> float:
        return expected_size(float(self.rate), units=self.units, most=self.max_batch_size)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(1 / self.rate)

    def require(self, relation: Relation) -> None:
        if relation is Relation.REPLACE_ONE:
            raise InvalidParameter(
                f"truncated Poisson sampling is not priced under {relation}; use {Relation.ADD_OR_REMOVE} or "
                f"{Relation.ZERO_OUT}"
            )

    def batches(self, key: bytes, *, count: int) -> Iterator[NDArray[np.int64]]:
        if count > self.units:
            raise InvalidParameter(
                f"the data set has more units than the public bound of {self.units}; state a bound that holds"
            )
        for batch in truncated_batches(key, count=self.units, rate=self.rate, most=self.max_batch_size):
            yield batch[batch < count]

    def event(self, step: Event, *, steps: int) -> Event:
        if not steps:
            return NoRelease()
        return Repeated(TruncatedPoissonSampled(self.rate, self.units, self.max_batch_size, step), steps)

    def participation(self, steps: int) -> tuple[int, int] | None:
        return None
