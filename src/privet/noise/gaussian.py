"""Floating-point normal draws by Box-Muller from uniform words, in single and double precision.

These are for training, where noise is added to floating-point gradients; they are not exact (docs/decisions/002).
A pair of normals is r cos(a), r sin(a) with r = sqrt(-2 log u). The smallest u decides where the tail is cut: at
9.5 standard deviations in double precision (64-bit u), at 11.5 in single precision (a 32-bit u whose rare small values
are refined by 64 bits more). Reference: Box & Muller 1958.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.noise.keystream import Fill

Single = NDArray[np.float32]
Double = NDArray[np.float64]

ANGLE_UNIT = math.pi / 2**31
# A 32-bit u below this many units is refined, so that the tail has no visible steps.
_COARSE = 1 << 16
_PAIRS = 1 << 14


def check_stddev(stddev: float) -> float:
    """The number itself, if it is finite and above 0.

    Errors: InvalidParameter.
    """
    if not (math.isfinite(stddev) and stddev > 0):
        raise InvalidParameter(f"noise stddev is {stddev}; give a finite number above 0")
    return float(stddev)


def fill_single(out: Single, *, stddev: float, fill: Fill) -> None:
    """Overwrite a contiguous vector with normal draws made from the bytes that ``fill`` writes into buffers."""
    pairs = min(_PAIRS, (out.size + 1) // 2)
    words = np.empty((2, pairs), np.uint32)
    radius, angle = np.empty((2, pairs), np.float32)
    for start in range(0, out.size, 2 * pairs or 1):
        part = out[start : start + 2 * pairs]
        count = (part.size + 1) // 2
        fill(words)
        single_uniforms(words[0], fill=fill, out=radius)
        _radius(radius)
        np.multiply(radius, np.float32(stddev), out=radius)
        np.copyto(angle, words[1].view(np.int32), casting="unsafe")
        np.multiply(angle, np.float32(ANGLE_UNIT), out=angle)
        _rotate(radius[:count], angle[:count], out=part)


def single_uniforms(words: NDArray[np.uint32], *, fill: Fill, out: Single) -> None:
    """u = word / 2**32 in (0, 1], small ones refined by 64 more bits.

    A refined u is (word + (v + 1/2) / 2**64) / 2**32, so it is never 0.
    """
    np.copyto(out, words, casting="unsafe")
    small = np.flatnonzero(words < _COARSE)
    if small.size:
        finer = np.empty(small.size, np.uint64)
        fill(finer)
        out[small] = words[small] + (finer + 0.5) * 2.0**-64
    np.multiply(out, np.float32(2.0**-32), out=out)


def _radius(u: Single | Double) -> None:
    np.log(u, out=u)
    u *= -2
    np.sqrt(u, out=u)


def _rotate(r: Single | Double, a: Single | Double, *, out: Single | Double) -> None:
    """r cos(a) into the first half of ``out`` and r sin(a) into what is left."""
    count = r.size
    first, second = out[:count], out[count:]
    np.cos(a, out=first)
    first *= r
    np.sin(a[: second.size], out=second)
    second *= r[: second.size]


def double_normals(*, stddev: float, size: int, read: Callable[[int], bytes]) -> Double:
    """``size`` normal draws in double precision, cut at 9.5 standard deviations.

    Errors: InvalidParameter if ``stddev`` is not a finite number above 0 or ``size`` is negative.

    >>> import os
    >>> double_normals(stddev=2.0, size=3, read=os.urandom).shape
    (3,)
    """
    check_stddev(stddev)
    if size < 0:
        raise InvalidParameter(f"size is {size}; give a whole number of at least 0")
    out = np.empty(size)
    for start in range(0, size, 2 * _PAIRS):
        part = out[start : start + 2 * _PAIRS]
        count = (part.size + 1) // 2
        words = np.frombuffer(read(16 * count), dtype=np.uint64)
        u = words[:count].astype(np.float64)
        u += 0.5
        u *= 2.0**-64
        _radius(u)
        u *= stddev
        _rotate(u, words[count:].view(np.int64) * (math.pi / 2**63), out=part)
    return out
