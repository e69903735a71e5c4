"""The quickest of several ways to the same numbers, by a short race."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from privet.training.per_example import heap

# Rounds of a race, and how many times the quickest's time drops a way from those to come.
_ROUNDS, _HOPELESS = 6, 1.4


def quickest(ways: Sequence[Callable[[], Tensor]]) -> int:
    """The number of the way that takes least. Each gives back a tensor that it has made.

    They run in turn: where the caches hold little more than one needs, its times differ much.
    """
    if len(ways) == 1:
        return 0
    times: list[list[float]] = [[] for _ in ways]
    left = list(range(len(ways)))
    while len(left) > 1 and len(times[left[0]]) < _ROUNDS:
        for way in left:
            times[way].append(_seconds(ways[way]))
        # The first run touches fresh memory.
        best = [min(times[way][1:], default=0.0) for way in left]
        left = [way for way, seconds in zip(left, best, strict=True) if seconds <= _HOPELESS * min(best)]
    # What the slower ones needed shall not lie about while others race.
    heap.give_back()
    return left[0] if len(left) == 1 else min(left, key=lambda way: statistics.median(times[way][1:]))


def _seconds(way: Callable[[], Tensor]) -> float:
    # As it will be in steps to come: else the system's page faults are timed.
    heap.keep()
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    begun, also = clock(), time.perf_counter()
    made = way()
    if made.is_cpu:
        return clock() - begun
    # Accelerators work on while the host goes on.
    made[(0,) * made.dim()].item()
    return time.perf_counter() - also
