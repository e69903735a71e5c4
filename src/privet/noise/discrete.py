"""Exact discrete Laplace and discrete Gaussian draws, a whole array at a time.

Discrete Laplace. Draw a sign bit B with P(B = 1) = q / (1 + q), q = exp(-1/scale), and a geometric Y with
P(Y = y) = (1 - q) q^y; then X = Y if B = 0 and X = -1 - Y if B = 1 has P(x) proportional to exp(-|x| / scale), with no
rejection. The binary digits of Y are independent, so blocks of digits come from small inversion tables and are put
together; B shares the table of the highest block.

Discrete Gaussian. Rejection from the discrete Laplace, Canonne, Kamath & Steinke 2020, Algorithm 3; the acceptance
test is in ``rejection.py``. Proof sketch: docs/decisions/001-noise-sources.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.exact import exact
from privet.noise.exponential import exp_bounds
from privet.noise.inversion import WORD_BITS, InversionTable, Read, Words
from privet.noise.rejection import Acceptance

LARGEST_SCALE = Fraction(2**55)
SMALLEST_VARIANCE = Fraction(1, 2**200)
LARGEST_DRAW = 2**62
_BLOCK_DIGITS = 7
_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True)
class DigitBlock:
    """Law of ``digits`` binary digits of the geometric, whose lowest stands for 1 / ``rate`` of the scale.

    P(r) is proportional to exp(-rate r) on 0 ... 2**digits - 1.
    """

    rate: Fraction
    digits: int

    @property
    def size(self) -> int:
        return 1 << self.digits

    def cdf(self, j: int, *, bits: int) -> tuple[int, int]:
        if j >= self.size - 1:
            return 1 << bits, 1 << bits
        # 1 - exp(-z) loses as many leading bits as z is small, so they are added beforehand.
        whole = self.rate * self.size
        inner = bits + 16 + max(0, whole.denominator.bit_length() - whole.numerator.bit_length() + 1)
        part_low, part_high = _complement(self.rate * (j + 1), bits=inner)
        whole_low, whole_high = _complement(whole, bits=inner)
        low = (part_low << bits) // whole_high
        high = -((-part_high << bits) // whole_low)
        return low, min(high, 1 << bits)


def _complement(x: Fraction, *, bits: int) -> tuple[int, int]:
    low, high = exp_bounds(x, bits=bits)
    return (1 << bits) - high, (1 << bits) - low


@dataclass(frozen=True, slots=True)
class TopBlock:
    """Joint law of the highest digits Q of the geometric and the sign B, as the index 2 Q + B.

    P(index > 2Q + 1) = exp(-step (Q + 1)) and
    P(index > 2Q) = (exp(-step Q - unit) + exp(-step (Q + 1))) / (1 + exp(-unit)),
    with unit = 1 / scale and step = unit times the weight of the lowest digit of Q.
    """

    unit: Fraction
    step: Fraction

    @property
    def size(self) -> None:
        return None

    def cdf(self, j: int, *, bits: int) -> tuple[int, int]:
        low, high = self._beyond(j, bits=bits)
        return (1 << bits) - high, (1 << bits) - low

    def _beyond(self, j: int, *, bits: int) -> tuple[int, int]:
        level, odd = divmod(j, 2)
        next_low, next_high = exp_bounds(self.step * (level + 1), bits=bits + 8)
        if odd:
            return next_low >> 8, -(-next_high >> 8)
        this_low, this_high = exp_bounds(self.step * level + self.unit, bits=bits + 8)
        one = 1 << (bits + 8)
        unit_low, unit_high = exp_bounds(self.unit, bits=bits + 8)
        low = ((this_low + next_low) << bits) // (one + unit_high)
        high = -((-(this_high + next_high) << bits) // (one + unit_low))
        return low, high


@dataclass(frozen=True, slots=True)
class LaplaceTables:
    """Everything that discrete Laplace draws of one scale need."""

    blocks: tuple[tuple[int, InversionTable], ...]
    top: InversionTable
    top_shift: int

    @classmethod
    def of(cls, scale: Fraction, *, width: int = WORD_BITS) -> LaplaceTables:
        # Digits below the scale's own leading one: within such a block all outcomes are about equally likely.
        digits = max(0, (scale.numerator // scale.denominator).bit_length() - 1)
        blocks = []
        for low in range(0, digits, _BLOCK_DIGITS):
            law = DigitBlock(Fraction(1 << low) / scale, min(_BLOCK_DIGITS, digits - low))
            blocks.append((low, InversionTable(law, width=width)))
        top = InversionTable(TopBlock(1 / scale, Fraction(1 << digits) / scale), width=width)
        return cls(tuple(blocks), top, digits)

    @property
    def words_per_draw(self) -> int:
        return len(self.blocks) + 1

    def draw(self, words: Words, *, read: Read) -> NDArray[np.int64]:
        """One draw for each column of ``words``, which has ``words_per_draw`` rows."""
        index = self.top.draw(words[-1], read=read)
        # Never below the true limit: the index is compared before it is shifted, so nothing can wrap around.
        if index.max(initial=0) >= LARGEST_DRAW >> max(0, self.top_shift - 1):
            raise outside()
        negative = index & 1
        index >>= 1
        index <<= self.top_shift
        for (low, table), row in zip(self.blocks, words, strict=False):
            part = table.draw(row, read=read)
            part <<= low
            index += part
        # y ^ 0 = y and y ^ -1 = -1 - y.
        np.negative(negative, out=negative)
        index ^= negative
        return index


_laplace_tables = lru_cache(maxsize=32)(LaplaceTables.of)


@lru_cache(maxsize=32)
def _acceptance(variance: Fraction) -> Acceptance:
    return Acceptance(variance)


def read_words(read: Read, *, rows: int, columns: int) -> Words:
    """A fresh array of uniform 32-bit words."""
    return np.frombuffer(read(4 * rows * columns), dtype=np.uint32).reshape(rows, columns)


def discrete_laplace(*, scale: Fraction, size: int, read: Read) -> NDArray[np.int64]:
    """``size`` exact draws with P(x) proportional to exp(-|x| / scale).

    Errors: InvalidParameter for a scale outside (2**-100, 2**55], a negative size, or a draw beyond 2**62.

    >>> import os
    >>> discrete_laplace(scale=Fraction(10, 3), size=4, read=os.urandom).shape
    (4,)
    """
    scale = checked_scale(scale)
    _check_size(size)
    tables = _laplace_tables(scale)
    out = np.empty(size, dtype=np.int64)
    for start in range(0, size, _CHUNK):
        part = out[start : start + _CHUNK]
        part[:] = tables.draw(read_words(read, rows=tables.words_per_draw, columns=part.size), read=read)
    return out


def discrete_gaussian(*, variance: Fraction, size: int, read: Read) -> NDArray[np.int64]:
    """``size`` exact draws with P(x) proportional to exp(-x^2 / (2 variance)).

    Errors: InvalidParameter for a variance outside (2**-200, 2**110], a negative size, or a draw beyond 2**62.

    >>> import os
    >>> discrete_gaussian(variance=Fraction(2), size=4, read=os.urandom).dtype
    dtype('int64')
    """
    variance = checked_variance(variance)
    _check_size(size)
    tables = _laplace_tables(Fraction(envelope(variance)))
    accept = _acceptance(variance)
    out = np.empty(size, dtype=np.int64)
    done = 0
    while done < size:
        # Acceptance is between 0.55 and 1, so a surplus of a third seldom needs a second round.
        tries = min(_CHUNK, (size - done) * 4 // 3 + 8)
        words = read_words(read, rows=tables.words_per_draw + 1, columns=tries)
        proposed = tables.draw(words[:-1], read=read)
        kept = proposed[accept.decide(proposed, words[-1], read=read)][: size - done]
        out[done : done + kept.size] = kept
        done += kept.size
    return out


def envelope(variance: Fraction) -> int:
    """Scale of the discrete Laplace that proposes: floor(sigma) + 1, as in Algorithm 3."""
    return isqrt(variance.numerator // variance.denominator) + 1


def checked_scale(scale: Fraction) -> Fraction:
    """The scale of a discrete Laplace as an exact number, if its draws fit 64 bits."""
    scale = exact(scale, name="scale")
    _check_squared(scale * abs(scale))
    return scale


def checked_variance(variance: Fraction) -> Fraction:
    """The variance of a discrete Gaussian as an exact number, if its draws fit 64 bits."""
    variance = exact(variance, name="variance")
    _check_squared(variance)
    return variance


def outside() -> InvalidParameter:
    """The error for a draw that does not fit, which at the largest scale has a chance below exp(-100)."""
    return InvalidParameter(f"a draw fell outside +-{LARGEST_DRAW}; take a smaller scale or a coarser grid")


def _check_squared(squared_scale: Fraction) -> None:
    if not SMALLEST_VARIANCE < squared_scale <= LARGEST_SCALE**2:
        raise InvalidParameter(
            "the scale of exact integer noise must be above 2**-100 and at most 2**55, so that draws fit 64 bits; "
            "this one is not: choose another grid"
        )


def _check_size(size: int) -> None:
    if size < 0:
        raise InvalidParameter(f"size is {size}; give a whole number of at least 0")
