"""A permit: the right to so many draws of noise, live until the gate closes it."""

from __future__ import annotations

import threading
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privet.core import _mint
from privet.core.errors import PermitError
from privet.core.protocols import NoiseSource


class PermittedNoise:
    """A noise source that is good for exactly the draws that were paid for.

    Made only by the gate. Every call is one draw, whatever its size; a call too many, or after the gate has closed
    the permit, is refused before any noise is made.
    """

    __slots__ = ("_left", "_live", "_lock", "_source")

    def __init__(self, source: NoiseSource, *, draws: int, key: object) -> None:
        _mint.require(key, "making a permit")
        self._source = source
        self._left = draws
        self._live = True
        self._lock = threading.Lock()

    @property
    def noise_class(self) -> str:
        return self._source.noise_class

    @property
    def draws_left(self) -> int:
        return self._left

    def close(self, key: object) -> int:
        """End the permit and say how many draws were not used."""
        _mint.require(key, "closing a permit")
        with self._lock:
            self._live = False
            return self._left

    def _draw(self) -> NoiseSource:
        with self._lock:
            if not self._live:
                raise PermitError("noise was drawn after the permit closed; open a new claim")
            if self._left < 1:
                raise PermitError("more noise was drawn than the claim declared; declare every draw in the mechanism")
            self._left -= 1
        return self._source

    def random_bytes(self, count: int) -> bytes:
        return self._draw().random_bytes(count)

    def discrete_laplace(self, *, scale: Fraction, size: int) -> NDArray[np.int64]:
        return self._draw().discrete_laplace(scale=scale, size=size)

    def discrete_gaussian(self, *, variance: Fraction, size: int) -> NDArray[np.int64]:
        return self._draw().discrete_gaussian(variance=variance, size=size)

    def gaussian(self, *, stddev: float, size: int) -> NDArray[np.float64]:
        return self._draw().gaussian(stddev=stddev, size=size)

    def single_normals(self, size: int) -> NDArray[np.float32]:
        return self._draw().single_normals(size)
