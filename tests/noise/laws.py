"""Tests of laws: one chi-squared test, used to accept the stated law and to reject one whose scale is 10 % off."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from privet.noise.exponential import exp_bounds


def p_value(draws: NDArray[np.int64], mass: Callable[[NDArray[np.int64]], NDArray[np.float64]]) -> float:
    """Chi-squared test of integer draws against P(x) = mass(x); cells with under 20 expected are merged by side."""
    low, high = int(draws.min()), int(draws.max())
    step = max(1, (high - low) // 200)
    edges = np.arange(low, high + step + 1, step)
    grid = np.arange(edges[0], edges[-1])
    expected = np.add.reduceat(mass(grid), edges[:-1] - low) * len(draws)
    seen = np.histogram(draws, bins=edges)[0].astype(float)
    big = np.flatnonzero(expected >= 20)
    first, last = big[0], big[-1] + 1
    seen = np.concatenate([[seen[:first].sum()], seen[first:last], [seen[last:].sum()]])
    inner = expected[first:last]
    # What is left outside is split by symmetry of the tails that the grid does not reach.
    left = expected[:first].sum() + max(0.0, len(draws) - expected.sum()) / 2
    right = expected[last:].sum() + max(0.0, len(draws) - expected.sum()) / 2
    expected = np.concatenate([[left], inner, [right]])
    used = expected > 5
    statistic = ((seen - expected)[used] ** 2 / expected[used]).sum() + (seen[~used] > 60).sum() * 1e6
    return float(stats.chi2.sf(statistic, used.sum() - 1))


def laplace_mass(scale: Fraction) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    rate = 1 / float(scale)
    return lambda x: np.exp(-rate * np.abs(x)) * np.tanh(rate / 2)


def gaussian_mass(variance: Fraction) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    v = float(variance)
    reach = int(40 * v**0.5) + 2
    total = np.exp(-(np.arange(-reach, reach + 1.0) ** 2) / (2 * v)).sum()
    return lambda x: np.exp(-(x.astype(float) ** 2) / (2 * v)) / total


def exact_float(x: Fraction) -> float:
    """exp(-x) by integers."""
    return float(Fraction(exp_bounds(x, bits=200)[0], 1 << 200))
