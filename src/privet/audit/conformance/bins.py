"""Balls in bins: every unit in one step of each epoch, drawn for it alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privet.audit.conformance.laws import at_worst, binomial_p, chi_square_p, rate_catches, variance_catches
from privet.audit.conformance.verdict import Measure

LAYER = "sampler"


def bins_measures(present: NDArray[np.bool_], per_epoch: int) -> list[Measure]:
    """Whether each unit is in exactly one step of an epoch, uniform and independent. Shapes: (steps, units)."""
    epochs = len(present) // per_epoch
    whole = present[: epochs * per_epoch].reshape(epochs, per_epoch, -1)
    off = int(np.abs(whole.sum(1) - 1).max(initial=0))
    once = Measure(
        layer=LAYER,
        check="once an epoch",
        statistic=float(off),
        limit=0.0,
        sentence=f"a unit took part up to {off} times more or less than once in an epoch of {per_epoch} steps",
    )
    if not epochs or off:
        return [once]
    bins = whole.argmax(1)
    return [once, _steps_alike(bins, per_epoch), _batch_sizes(bins, per_epoch), *_independent(bins, per_epoch)]


def _counts(bins: NDArray[np.int64], per_epoch: int) -> NDArray[np.int64]:
    return np.stack([np.bincount(epoch, minlength=per_epoch) for epoch in bins])


def _steps_alike(bins: NDArray[np.int64], per_epoch: int) -> Measure:
    """Pearson's chi-square over the steps of an epoch, all epochs together."""
    expected = bins.size / per_epoch
    shares = _counts(bins, per_epoch).sum(0) / expected
    total = float(((shares - 1) ** 2 * expected).sum())
    return Measure(
        layer=LAYER,
        check="steps alike",
        statistic=float(shares.max()),
        p_value=float(chi_square_p(total, freedom=per_epoch - 1)),
        catches=rate_catches(trials=bins.size, rate=1 / per_epoch),
        deviation="share of one step of an epoch, too high or low by",
        sentence=f"steps of an epoch got {shares.min():.2f} to {shares.max():.2f} times their share",
    )


def _batch_sizes(bins: NDArray[np.int64], per_epoch: int) -> Measure:
    """Pearson's chi-square over the steps of each epoch: too small where balls know of each other."""
    expected = bins.shape[1] / per_epoch
    total = float(((_counts(bins, per_epoch) - expected) ** 2 / expected).sum())
    freedom = len(bins) * (per_epoch - 1)
    return Measure(
        layer=LAYER,
        check="batch sizes",
        statistic=total / freedom,
        p_value=float(chi_square_p(total, freedom=freedom)),
        catches=variance_catches(freedom=freedom),
        deviation="deviation of batch sizes, too large or small by",
        sentence=f"batch sizes vary {total / freedom:.2f} times as much as with independent balls",
    )


def _independent(bins: NDArray[np.int64], per_epoch: int) -> list[Measure]:
    """Neighbours fall into one bin, and a unit into its bin of an earlier epoch, as often as by chance."""
    half = bins.shape[1] // 2
    neighbours = bins[:, 0 : 2 * half : 2] == bins[:, 1 : 2 * half : 2]
    again = []
    for lag in range(1, len(bins) // 2 + 1):
        first = np.array([epoch for epoch in range(len(bins) - lag) if epoch % (2 * lag) < lag])
        again.append(bins[first] == bins[first + lag])
    found = {"units independent": [neighbours], "steps independent": again or [neighbours[:0]]}
    return [_same(check, places, 1 / per_epoch) for check, places in found.items()]


def _same(check: str, places: list[NDArray[np.bool_]], rate: float) -> Measure:
    tests = binomial_p([int(p.sum()) for p in places], trials=[p.size for p in places], rate=rate)
    worst = places[int(np.argmin(tests))]
    ratio = float(worst.mean() / rate) if worst.size else 1.0
    return Measure(
        layer=LAYER,
        check=check,
        statistic=ratio,
        p_value=at_worst(tests),
        catches=rate_catches(trials=max(1, min(p.size for p in places)), rate=rate, tests=len(places)),
        deviation="rate of the same bin, too high or low by",
        sentence=f"two balls that know nothing of each other fell into the same bin {ratio:.2f} times as often as by "
        "chance",
    )
