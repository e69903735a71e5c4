"""Numbers as integers modulo 2**32: fixed point with a public limit, exact to add."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter

MODULUS = 2**32


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """Encodes numbers of size at most ``limit`` so that ``parties`` of them can be added without wrapping around.

    The grid is ``limit * parties / 2**31``; what lies outside the limit is moved to it. All fields are public.

    >>> code = FixedPoint(limit=1.0, parties=2)
    >>> abs(float(code.decode_sum(code.encode(np.array([0.25])))[0]) - 0.25) <= code.grid
    True
    """

    limit: float
    parties: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise InvalidParameter(f"limit is {self.limit}; give a finite public number above 0")
        if not 1 <= self.parties <= 2**20:
            raise InvalidParameter(f"parties is {self.parties}; give a number from 1 to {2**20}")

    @property
    def grid(self) -> float:
        """Distance of neighbouring values."""
        return self.limit * self.parties / (2**31 - self.parties)

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.uint32]:
        """Integers modulo 2**32. Errors: InvalidParameter if a value is not finite."""
        if not np.isfinite(values).all():
            raise InvalidParameter("a value to be summed is not finite; the site must send none rather than this one")
        steps = np.rint(np.clip(values, -self.limit, self.limit) / self.grid).astype(np.int64)
        return (steps % MODULUS).astype(np.uint32)

    def decode_sum(self, total: NDArray[np.uint32]) -> NDArray[np.float64]:
        """The sum of at most ``parties`` encoded vectors, as numbers."""
        signed = total.astype(np.int64)
        return np.where(signed >= MODULUS // 2, signed - MODULUS, signed) * self.grid
