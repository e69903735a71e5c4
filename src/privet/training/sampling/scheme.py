"""What a sampling scheme is: batches and their price in one frozen object."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import Event
from privet.core.exact import exact
from privet.core.neighbours import Relation


class Sampling(Protocol):
    """Who takes part in which step. All its numbers are public."""

    @property
    def expected_batch_size(self) -> float:
        """Units expected in a step: the public constant by which noisy sums are divided."""
        ...

    @property
    def steps_per_epoch(self) -> int: ...

    def require(self, relation: Relation) -> None:
        """Raise InvalidParameter where this sampling has no price under ``relation``."""
        ...

    def batches(self, key: bytes, *, count: int) -> Iterator[NDArray[np.int64]]:
        """Endless batches of numbers from 0 to ``count`` - 1, from 32 random bytes used for nothing else."""
        ...

    def event(self, step: Event, *, steps: int) -> Event:
        """What the first ``steps`` steps cost, when one step on all units is ``step``."""
        ...

    def participation(self, steps: int) -> tuple[int, int] | None:
        """How often a unit takes part at most, and after how many steps at the soonest again; None if unknown."""
        ...


def sampling_rate(rate: Fraction | float) -> Fraction:
    """A unit's chance to take part in a step, exactly. Errors: InvalidParameter.

    >>> sampling_rate(0.25)
    Fraction(1, 4)
    """
    made = exact(rate, name="sampling rate")
    if not 0 < made <= 1:
        raise InvalidParameter(f"sampling rate is {float(made)}; give a number above 0 and at most 1")
    return made
