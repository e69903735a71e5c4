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

Single = NDArray[np.float32]
Double = NDArray[np.float64]

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


def single_bytes(size: int) -> int:
    """Random bytes that ``fill_single`` needs for ``size`` draws."""
    pairs = (size + 1) // 2
    return 8 * pairs + 8 * refinements(pairs)


def refinements(pairs: int) -> int:
    """64-bit words kept for small u: twice what is expected and 64 more; running out has a chance below 2**-100."""
    return 2 * pairs * _COARSE // (1 << 32) + 64


def fill_single(out: Single, *, raw: bytes, stddev: float) -> None:
    """Overwrite a contiguous vector with normal draws made from ``single_bytes(out.size)`` random bytes."""
    pairs = (out.size + 1) // 2
    words = np.frombuffer(raw, dtype=np.uint32, count=2 * pairs)
    extra = list(np.frombuffer(raw, dtype=np.uint64, offset=8 * pairs))
    radius, angle = np.empty(min(pairs, _PAIRS), np.float32), np.empty(min(pairs, _PAIRS), np.float32)
    for start in range(0, pairs, _PAIRS):
        count = min(_PAIRS, pairs - start)
        part = words[2 * start : 2 * (start + count)]
        r, a = radius[:count], angle[:count]
        _single_radius(part[:count], extra, out=r)
        r *= np.float32(stddev)
        np.multiply(part[count:].view(np.int32), np.float32(math.pi / 2**31), out=a, casting="unsafe", dtype=np.float32)
        _rotate(r, a, out=out[2 * start : 2 * (start + count)])


def _single_radius(words: NDArray[np.uint32], extra: list[np.uint64], *, out: Single) -> None:
    """sqrt(-2 log u), u = (word + 1/2) / 2**32 or finer."""
    np.copyto(out, words, casting="unsafe")
    for at in np.flatnonzero(words < _COARSE):
        # The half that is added below is taken back here, so that u = (word + fraction) / 2**32.
        if extra:
            out[at] += np.float32((float(extra.pop()) + 0.5) * 2.0**-64)
        else:
            out[at] += np.float32(0.5)
    # For larger words a half is below half a unit of a 24-bit significand or adds less than 2**-17 of u.
    out *= np.float32(2.0**-32)
    _radius(out)


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
