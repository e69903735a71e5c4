"""Seeded chance. IT PROTECTS NOTHING: whoever knows or guesses the seed subtracts the noise.

For stand-in data, simulations and tests only; an import contract keeps it away from mechanisms and the ledger.
"""

from __future__ import annotations

from fractions import Fraction
from typing import final

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.noise import discrete, gaussian


def generator(seed: int) -> np.random.Generator:
    """A numpy generator for stand-in data; it protects nothing.

    Errors: InvalidParameter if ``seed`` is not a whole number of at least 0.

    >>> generator(7).integers(10) == generator(7).integers(10)
    np.True_
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidParameter(f"seed is {seed!r}; give a whole number of at least 0")
    return np.random.Generator(np.random.PCG64(seed))


@final
class SeededNoise:
    """The noise source's laws on seeded bits, the same at every run. IT PROTECTS NOTHING.

    >>> noise = SeededNoise(1)
    >>> noise.noise_class
    'SIMULATION ONLY, seed 1: protects nothing'
    """

    __slots__ = ("_generator", "_seed")

    def __init__(self, seed: int) -> None:
        self._generator = generator(seed)
        self._seed = seed

    @property
    def noise_class(self) -> str:
        return f"SIMULATION ONLY, seed {self._seed}: protects nothing"

    def random_bytes(self, count: int) -> bytes:
        """``count`` seeded bytes."""
        return self._generator.bytes(count)

    def discrete_laplace(self, *, scale: Fraction, size: int) -> NDArray[np.int64]:
        """Seeded draws with P(x) proportional to exp(-|x| / scale)."""
        return discrete.discrete_laplace(scale=scale, size=size, read=self._generator.bytes)

    def discrete_gaussian(self, *, variance: Fraction, size: int) -> NDArray[np.int64]:
        """Seeded draws with P(x) proportional to exp(-x^2 / (2 variance))."""
        return discrete.discrete_gaussian(variance=variance, size=size, read=self._generator.bytes)

    def gaussian(self, *, stddev: float, size: int) -> NDArray[np.float64]:
        """Seeded normal draws."""
        return gaussian.double_normals(stddev=stddev, size=size, read=self._generator.bytes)

    def single_normals(self, size: int) -> NDArray[np.float32]:
        """Seeded standard normal draws in single precision."""
        return self._generator.standard_normal(size, dtype=np.float32)
