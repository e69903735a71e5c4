"""The noise that protects: cryptographic bits, exact integer laws. Made only by the gate."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final, NoReturn, final

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import SealedValue
from privet.noise import discrete, discrete_reference, gaussian
from privet.noise.keystream import KEY_BYTES, Keystream, expansion
from privet.noise.normal_pool import NormalPool

NOISE_CLASS: Final = "AES-256-CTR keyed by the operating system; exact integer laws; normals in floating point"

# So few draws are made one by one, sooner than tables for a new scale are built; both ways are exact.
_FEW: Final = 8


def _each(draw: Callable[[], int], *, size: int) -> NDArray[np.int64]:
    drawn = [draw() for _ in range(size)]
    if max(map(abs, drawn)) > discrete.LARGEST_DRAW:
        raise discrete.outside()
    return np.array(drawn, dtype=np.int64)


@final
class SecureNoise:
    """A noise source with a key of its own; it cannot be seeded, copied or stored.

    Guarantee: ``discrete_laplace`` and ``discrete_gaussian`` follow their laws exactly, given uniform bits;
    ``gaussian`` does not (docs/decisions/002-floating-point-noise.md). Bits are those of ``Keystream``. Draws from
    several threads or after a fork never share bits. The time a draw takes is not constant.
    Reference: Canonne, Kamath & Steinke 2020; docs/decisions/001-noise-sources.md.

    >>> SecureNoise().discrete_laplace(scale=Fraction(3), size=2).shape
    (2,)
    """

    __slots__ = ("_pool", "_stream")

    def __init__(self) -> None:
        self._stream = Keystream()
        self._pool: tuple[object, NormalPool] | None = None

    @property
    def noise_class(self) -> str:
        return NOISE_CLASS

    def random_bytes(self, count: int) -> bytes:
        """``count`` uniformly random bytes."""
        return self._stream.read(count)

    def discrete_laplace(self, *, scale: Fraction, size: int) -> NDArray[np.int64]:
        """Exact draws with P(x) proportional to exp(-|x| / scale)."""
        if 0 < size <= _FEW:
            scale = discrete.checked_scale(scale)
            return _each(lambda: discrete_reference.discrete_laplace(scale, read=self._stream.read), size=size)
        return discrete.discrete_laplace(scale=scale, size=size, read=self._stream.read)

    def discrete_gaussian(self, *, variance: Fraction, size: int) -> NDArray[np.int64]:
        """Exact draws with P(x) proportional to exp(-x^2 / (2 variance))."""
        if 0 < size <= _FEW:
            variance = discrete.checked_variance(variance)
            return _each(lambda: discrete_reference.discrete_gaussian(variance, read=self._stream.read), size=size)
        return discrete.discrete_gaussian(variance=variance, size=size, read=self._stream.read)

    def gaussian(self, *, stddev: float, size: int) -> NDArray[np.float64]:
        """Normal draws in double precision."""
        return gaussian.double_normals(stddev=stddev, size=size, read=self._stream.read)

    def single_normals(self, size: int) -> NDArray[np.float32]:
        """A few standard normal draws in single precision, cut at 11.5."""
        process = self._stream.process
        if self._pool is None or self._pool[0] is not process:
            # What a parent process has made ahead is the parent's.
            self._pool = process, NormalPool(expansion(self._stream.read(KEY_BYTES)))
        return self._pool[1].take(size)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise SealedValue("a noise source is never copied or stored; the gate makes one for each claim")
