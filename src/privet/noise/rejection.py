"""The acceptance test of the discrete Gaussian: an exact Bernoulli(exp(-gamma)) for whole arrays.

A 32-bit word w stands for a uniform U in [w, w + 1) / 2**32. A float p with |p / exp(-gamma) - 1| < 2**-42 decides
when w + 1 <= p 2**32 (1 - 2**-40) or w >= p 2**32 (1 + 2**-40); what is left, about one test in 2**31, is decided with
integers and further bits of U. Only +, -, *, comparison and conversion of floats are used, which IEEE 754 rounds
correctly, and a table of 32 exact values: no claim about anybody's ``exp`` is needed.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from privet.noise.exponential import exp_bounds
from privet.noise.inversion import WORD_BITS, Read, Words

_CAP = 32.0
_STEPS = 32
_MARGIN = 2.0**-40
# Taylor coefficients of exp(-r), highest first; the next term is below 2**-63 for r < 1/32.
_COEFFICIENTS = tuple((-1) ** k / f for k, f in reversed(list(enumerate((1, 1, 2, 6, 24, 120, 720, 5040, 40320)))))


def _exact_table() -> NDArray[np.float64]:
    """exp(-i / 32) for i = 0 ... 1023, each within one unit in the last place."""
    values = [exp_bounds(Fraction(i, _STEPS), bits=160) for i in range(int(_CAP) * _STEPS)]
    return np.array([float(Fraction(low, 1 << 160)) for low, _ in values])


_TABLE = _exact_table()


def exp_minus(gamma: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(-gamma) for 0 <= gamma < 32 with a relative error below 2**-48, from IEEE operations alone.

    gamma = i / 32 + r exactly, with r < 1/32; the table gives exp(-i / 32) and a polynomial exp(-r).
    """
    steps = (gamma * _STEPS).astype(np.intp)
    rest = gamma - steps * (1.0 / _STEPS)
    value: NDArray[np.float64] = rest * _COEFFICIENTS[0]
    for coefficient in _COEFFICIENTS[1:-1]:
        value += coefficient
        value *= rest
    value += _COEFFICIENTS[-1]
    value *= np.take(_TABLE, steps, mode="clip")
    return value


class Acceptance:
    """Accepts y with probability exactly exp(-(|y| - variance / t)^2 / (2 variance)), t = floor(sigma) + 1.

    ``width`` is the word length; tests shorten it to force undecided words.
    """

    __slots__ = ("_centre", "_double_inverse", "_exact_centre", "_exact_variance", "_width")

    def __init__(self, variance: Fraction, *, width: int = WORD_BITS) -> None:
        t = isqrt(variance.numerator // variance.denominator) + 1
        self._exact_variance = variance
        self._exact_centre = variance / t
        self._centre = float(self._exact_centre)
        self._double_inverse = float(1 / (2 * variance))
        self._width = width

    def decide(self, proposed: NDArray[np.int64], words: Words, *, read: Read) -> NDArray[np.bool_]:
        """One verdict for each proposal; ``words`` are below 2**width."""
        gamma = np.abs(proposed).astype(np.float64)
        gamma -= self._centre
        gamma *= gamma
        gamma *= self._double_inverse
        # Beyond the cap p is only an upper bound, and no word but 0 is near it; 0 is then decided exactly.
        np.minimum(gamma, np.nextafter(_CAP, 0), out=gamma)
        scaled = exp_minus(gamma)
        scaled *= 2.0**self._width
        rejected = words >= scaled * (1 + _MARGIN)
        accepted: NDArray[np.bool_] = words <= scaled * (1 - _MARGIN) - 1
        for at in np.flatnonzero(accepted == rejected):
            accepted[at] = self._exactly(int(proposed[at]), int(words[at]), read=read)
        return accepted

    def _exactly(self, y: int, prefix: int, *, read: Read) -> bool:
        gamma = (abs(y) - self._exact_centre) ** 2 / (2 * self._exact_variance)
        return bernoulli_exp_from(gamma, prefix, bits=self._width, read=read)


def bernoulli_exp_from(gamma: Fraction, prefix: int, *, bits: int, read: Read) -> bool:
    """Whether U < exp(-gamma), given the first ``bits`` bits of U; more are drawn until it is certain."""
    while True:
        low, high = exp_bounds(gamma, bits=bits)
        if prefix + 1 <= low:
            return True
        if prefix >= high:
            return False
        prefix = (prefix << 64) | int.from_bytes(read(8), "little")
        bits += 64
