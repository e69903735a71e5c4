"""Which units take part in a step: Poisson sampling from cryptographic bits, each unit decided by words of its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.noise.keystream import KEY_BYTES, Fill, expansion

__all__ = ["KEY_BYTES", "poisson_batches", "shuffled_orders"]

_WORD = 2**64


def poisson_batches(key: bytes, *, count: int, rate: Fraction) -> Iterator[NDArray[np.int64]]:
    """Endless batches of indices from 0 to ``count`` - 1; each index is in each batch with probability ``rate``.

    Guarantee: independent choices, given uniform bits; the rate is rounded down to a multiple of 2**-64, which costs no
    more than the stated one. ``key`` is 32 random bytes from a noise source, used for nothing else.
    Errors: InvalidParameter.

    >>> batches = poisson_batches(bytes(32), count=10, rate=Fraction(1, 2))
    >>> all(0 <= i < 10 for i in next(batches))
    True
    """
    if count < 0 or not 0 < rate <= 1:
        raise InvalidParameter(f"count is {count} and rate {rate}; give count >= 0 and a rate above 0 and at most 1")
    fill = expansion(key)
    words = np.empty(count, np.uint64)
    threshold = rate.numerator * _WORD // rate.denominator
    while True:
        if threshold == _WORD:
            yield np.arange(count)
            continue
        fill(words)
        yield np.flatnonzero(words < np.uint64(threshold))


def shuffled_orders(key: bytes, *, count: int, again: bool) -> Iterator[NDArray[np.int64]]:
    """Endless orders of the numbers from 0 to ``count`` - 1: a new one each time if ``again``, else always the
    first.

    Guarantee: each order is uniform, given uniform bits: numbers are sorted by random words that are all different.
    Errors: InvalidParameter.

    >>> sorted(next(shuffled_orders(bytes(32), count=4, again=True)).tolist())
    [0, 1, 2, 3]
    """
    if count < 0:
        raise InvalidParameter(f"count is {count}; give at least 0")
    fill = expansion(key)
    order = _order(fill, count)
    while True:
        yield order
        if again:
            order = _order(fill, count)


def _order(fill: Fill, count: int) -> NDArray[np.int64]:
    words = np.empty(count, np.uint64)
    while True:
        fill(words)
        order = np.argsort(words)
        ranked = words[order]
        if not (ranked[1:] == ranked[:-1]).any():
            return order
