"""Which units take part in a step, from cryptographic bits: each unit is decided by words of its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.noise.keystream import KEY_BYTES, Fill, expansion

__all__ = ["KEY_BYTES", "allocated_batches", "poisson_batches", "shuffled_orders", "truncated_batches"]

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
    threshold = _threshold(count, rate)
    fill = expansion(key)
    while True:
        yield _taking_part(fill, count, threshold)


def truncated_batches(key: bytes, *, count: int, rate: Fraction, most: int) -> Iterator[NDArray[np.int64]]:
    """As ``poisson_batches``; of a batch with more than ``most`` indices, a uniformly random subset of that size.

    Guarantee: the subset is uniform, given uniform bits, whatever the batch. Errors: InvalidParameter.

    >>> batches = truncated_batches(bytes(32), count=100, rate=Fraction(1, 2), most=30)
    >>> max(len(batch) for batch, _ in zip(batches, range(50)))
    30
    """
    threshold = _threshold(count, rate)
    if most < 1:
        raise InvalidParameter(f"most is {most}; give a whole number of at least 1")
    fill = expansion(key)
    while True:
        batch = _taking_part(fill, count, threshold)
        if len(batch) > most:
            batch = np.sort(batch[_order(fill, len(batch))[:most]])
        yield batch


def allocated_batches(key: bytes, *, count: int, steps: int) -> Iterator[NDArray[np.int64]]:
    """Endless batches; in each run of ``steps`` of them every index is in exactly one, drawn uniformly for it alone.

    Guarantee: independent and exactly uniform choices, given uniform bits. Errors: InvalidParameter.

    >>> batches = allocated_batches(bytes(32), count=10, steps=3)
    >>> sorted(i for batch, _ in zip(batches, range(3)) for i in batch.tolist()) == list(range(10))
    True
    """
    if count < 0 or steps < 1:
        raise InvalidParameter(f"count is {count} and steps {steps}; give count >= 0 and at least 1 step")
    fill = expansion(key)
    while True:
        chosen = _uniform(fill, count, steps)
        order = np.argsort(chosen, kind="stable")
        yield from np.split(order, np.searchsorted(chosen[order], np.arange(1, steps)))


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


def _threshold(count: int, rate: Fraction) -> int:
    """Words below it take part."""
    if count < 0 or not 0 < rate <= 1:
        raise InvalidParameter(f"count is {count} and rate {rate}; give count >= 0 and a rate above 0 and at most 1")
    return rate.numerator * _WORD // rate.denominator


def _taking_part(fill: Fill, count: int, threshold: int) -> NDArray[np.int64]:
    if threshold == _WORD:
        return np.arange(count)
    words = np.empty(count, np.uint64)
    fill(words)
    return np.flatnonzero(words < np.uint64(threshold))


def _uniform(fill: Fill, count: int, below: int) -> NDArray[np.uint64]:
    """Uniform numbers below ``below``: words in the last, incomplete run of them are drawn anew."""
    words = np.empty(count, np.uint64)
    fill(words)
    whole = _WORD - _WORD % below
    while whole < _WORD and len(late := np.flatnonzero(words >= np.uint64(whole))):
        fresh = np.empty(len(late), np.uint64)
        fill(fresh)
        words[late] = fresh
    return words % np.uint64(below)


def _order(fill: Fill, count: int) -> NDArray[np.int64]:
    words = np.empty(count, np.uint64)
    while True:
        fill(words)
        order = np.argsort(words)
        ranked = words[order]
        if not (ranked[1:] == ranked[:-1]).any():
            return order
