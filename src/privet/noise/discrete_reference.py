"""The plain exact samplers, one draw at a time with Python integers: what the fast ones are tested against.

Reference: Canonne, Kamath & Steinke 2020, "The Discrete Gaussian for Differential Privacy", Algorithms 1 to 3.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from privet.noise.inversion import Read


def uniform_below(bound: int, *, read: Read) -> int:
    """A uniform integer in [0, bound), by rejection of whole bytes.

    >>> uniform_below(1, read=bytes)
    0
    """
    bits = (bound - 1).bit_length()
    while bits:
        drawn = int.from_bytes(read((bits + 7) // 8), "little") & ((1 << bits) - 1)
        if drawn < bound:
            return drawn
    return 0


def bernoulli(p: Fraction, *, read: Read) -> bool:
    """True with probability exactly ``p``."""
    return uniform_below(p.denominator, read=read) < p.numerator


def bernoulli_exp(gamma: Fraction, *, read: Read) -> bool:
    """True with probability exactly exp(-gamma), for gamma >= 0. Algorithm 1."""
    while gamma > 1:
        if not _bernoulli_exp_unit(Fraction(1), read=read):
            return False
        gamma -= 1
    return _bernoulli_exp_unit(gamma, read=read)


def _bernoulli_exp_unit(gamma: Fraction, *, read: Read) -> bool:
    k = 1
    while bernoulli(gamma / k, read=read):
        k += 1
    return k % 2 == 1


def discrete_laplace(scale: Fraction, *, read: Read) -> int:
    """One draw with P(x) proportional to exp(-|x| / scale). Algorithm 2 with t/s = scale."""
    t, s = scale.numerator, scale.denominator
    while True:
        low = uniform_below(t, read=read)
        if not bernoulli_exp(Fraction(low, t), read=read):
            continue
        high = 0
        while bernoulli_exp(Fraction(1), read=read):
            high += 1
        magnitude = (low + t * high) // s
        negative = uniform_below(2, read=read) == 1
        if not (negative and magnitude == 0):
            return -magnitude if negative else magnitude


def discrete_gaussian(variance: Fraction, *, read: Read) -> int:
    """One draw with P(x) proportional to exp(-x^2 / (2 variance)). Algorithm 3."""
    t = isqrt(variance.numerator // variance.denominator) + 1
    while True:
        y = discrete_laplace(Fraction(t), read=read)
        if bernoulli_exp((abs(y) - variance / t) ** 2 / (2 * variance), read=read):
            return y
