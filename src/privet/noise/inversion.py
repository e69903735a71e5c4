"""Exact draws from a law on 0, 1, 2, ... by inversion, a whole array at a time.

A uniform real U in [0, 1) selects the smallest j with U < C_j, where C_j is the (irrational) cumulative probability.
The first ``width`` bits of U are one machine word w, so U lies in [w, w + 1) / 2**width.
With T_j = floor(C_j 2**width):

    w < T_j  implies  U < C_j,      w > T_j  implies  U > C_j,      w == T_j  leaves it open.

Words are compared with the integers T_j only. An open word, one in some four million draws, is decided by drawing more
bits of the same U and by integer bounds on C_j at that length. No floating-point number takes part, so the law is
exactly the stated one. Reference: Devroye 1986, chapter II.2 (inversion) and III.2.4 (guide tables).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Read = Callable[[int], "bytes | memoryview"]

WORD_BITS = 32
_REFINE_BITS = 64


class Law(Protocol):
    """A law on the non-negative integers, known through bounds on its cumulative probabilities."""

    @property
    def size(self) -> int | None:
        """Number of outcomes, or None for all non-negative integers."""
        ...

    def cdf(self, j: int, *, bits: int) -> tuple[int, int]:
        """Integers ``low <= P(outcome <= j) * 2**bits <= high``, close for every ``bits``."""
        ...


class InversionTable:
    """Draws from one law. ``width`` is the word length; tests shorten it to force open words.

    ``_packed[b]`` holds, for all words whose leading bits are b, the outcome below the single threshold T of that
    bucket and the distance from T to the next power of two; so ``(_packed[b] + w) >> width`` is the outcome, and
    its low bits are zero exactly when w == T. Buckets with several thresholds are marked and searched.
    """

    __slots__ = ("_any_crowded", "_law", "_packed", "_shift", "_thresholds", "_width")

    def __init__(self, law: Law, *, width: int = WORD_BITS) -> None:
        self._law = law
        self._width = width
        self._thresholds = np.array(_thresholds(law, width=width), dtype=np.uint64)
        bucket_bits = min(width, max(2, (4 * len(self._thresholds)).bit_length()))
        self._shift = width - bucket_bits
        self._packed, self._any_crowded = self._pack(1 << bucket_bits)

    def _pack(self, buckets: int) -> tuple[NDArray[np.uint64], bool]:
        """The table of buckets; crowded ones carry an outcome that no law can have."""
        edges = np.arange(buckets + 1, dtype=np.uint64) << np.uint64(self._shift)
        before = np.searchsorted(self._thresholds, edges, side="left")
        held = np.diff(before)
        base = before[:-1].astype(np.uint64)
        packed = base << np.uint64(self._width)
        single = held == 1
        gap = np.uint64(1 << self._width) - self._thresholds[before[:-1][single]]
        packed[single] += gap
        packed[held > 1] = self._crowded
        return packed, bool((held > 1).any())

    @property
    def _crowded(self) -> np.uint64:
        return np.uint64(1 << (self._width + 31))

    def draw(self, words: Words, *, read: Read) -> NDArray[np.int64]:
        """One outcome for each word below 2**width; ``read`` supplies further bits for open words.

        Shapes: the shape of ``words``, which is one-dimensional.
        """
        bucket = np.empty(words.shape, dtype=np.intp)
        np.right_shift(words, self._shift, out=bucket, casting="unsafe")
        reached = np.take(self._packed, bucket, mode="clip")
        reached += words
        open_at = self._open(reached)
        reached >>= np.uint64(self._width)
        outcome: NDArray[np.int64] = reached.view(np.int64)
        if self._any_crowded:
            open_at = np.concatenate([open_at, self._search(outcome, words)])
        for position in open_at:
            outcome[position] = resolve(int(words[position]), bits=self._width, law=self._law, read=read)
        return outcome

    def _open(self, reached: NDArray[np.uint64]) -> NDArray[np.intp]:
        low = reached.astype(np.uint32)
        if self._width < WORD_BITS:
            low &= np.uint32((1 << self._width) - 1)
        return np.flatnonzero(low == 0)

    def _search(self, outcome: NDArray[np.int64], words: Words) -> NDArray[np.intp]:
        """Decide words of crowded buckets by bisection; give back those that stay open."""
        at = np.flatnonzero(outcome >= 1 << 31)
        found = words[at].astype(np.uint64)
        outcome[at] = np.searchsorted(self._thresholds, found, side="right")
        above = np.searchsorted(self._thresholds, found, side="left")
        open_still: NDArray[np.intp] = at[above != outcome[at]]
        return open_still


def _thresholds(law: Law, *, width: int) -> list[int]:
    """T_0, T_1, ...: up to the last outcome but one, or until no word can be above."""
    top = (1 << width) - 1
    found: list[int] = []
    for j in count() if law.size is None else range(law.size - 1):
        found.append(_threshold(law, j, width=width))
        if found[-1] == top:
            break
    return found


def _threshold(law: Law, j: int, *, width: int) -> int:
    """floor(C_j 2**width), certain: precision is raised until both bounds agree."""
    extra = 32
    while True:
        low, high = (bound >> extra for bound in law.cdf(j, bits=width + extra))
        if low == high:
            return low
        extra *= 2


def resolve(prefix: int, *, bits: int, law: Law, read: Read) -> int:
    """The outcome that U selects, given its first ``bits`` bits; more bits are drawn until it is certain."""
    while True:
        outcome = _certain_outcome(prefix, bits=bits, law=law)
        if outcome is not None:
            return outcome
        prefix = (prefix << _REFINE_BITS) | int.from_bytes(read(_REFINE_BITS // 8), "little")
        bits += _REFINE_BITS


def _certain_outcome(u: int, *, bits: int, law: Law) -> int | None:
    """The j with C_(j-1) <= u / 2**bits and (u + 1) / 2**bits <= C_j, if that is certain."""

    def surely_below(j: int) -> bool:
        return u + 1 <= law.cdf(j, bits=bits)[0]

    high = 1
    while not surely_below(high - 1):
        if law.cdf(high - 1, bits=bits)[0] >= (1 << bits) - 1:
            return None
        high *= 2
    low = 0
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if surely_below(middle) else (middle + 1, high)
    certain = low == 0 or law.cdf(low - 1, bits=bits)[1] <= u
    return low if certain else None
