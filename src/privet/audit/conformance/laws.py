"""Chances under the stated plan, and the smallest deviation that a sample shows with near certainty."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Series = NDArray[np.float64]
# Level of a single test to the smallest deviation that it catches with a chance of POWER.
Catches = Callable[[float], float]

POWER = 0.999


def binomial_p(successes: ArrayLike, *, trials: ArrayLike, rate: float) -> Series:
    """Two-sided exact chance of so unusual a count: twice the smaller tail.

    >>> float(binomial_p(5, trials=10, rate=0.5))
    1.0
    """
    from scipy.stats import binom

    counts = np.asarray(successes)
    return _two_sided(binom.cdf(counts, trials, rate), binom.sf(counts - 1, trials, rate))


def chi_square_p(totals: ArrayLike, *, freedom: ArrayLike) -> Series:
    """Two-sided chance of so unusual a sum of squared standard normals.

    >>> float(chi_square_p(1e9, freedom=10))
    0.0
    """
    from scipy.stats import chi2

    return _two_sided(chi2.cdf(totals, freedom), chi2.sf(totals, freedom))


def normal_p(z: ArrayLike) -> Series:
    """Two-sided chance of so large a standard normal.

    >>> round(float(normal_p(1.96)), 3)
    0.05
    """
    from scipy.special import erfc

    return np.asarray(erfc(np.abs(z) / math.sqrt(2)))


def correlation_p(r: ArrayLike, *, pairs: ArrayLike) -> Series:
    """Two-sided exact chance of so large a correlation of independent normals of mean zero. Reference: Fisher 1915."""
    from scipy.stats import t

    size = np.minimum(np.abs(r), 1 - 1e-15)
    freedom = np.asarray(pairs) - 1
    return np.asarray(2 * t.sf(size * np.sqrt(freedom / (1 - size**2)), freedom))


def _two_sided(lower: Series, upper: Series) -> Series:
    return np.asarray(np.minimum(1.0, 2 * np.minimum(lower, upper)))


def at_worst(p_values: ArrayLike) -> float:
    """Of several tests the least p-value, corrected for their number (Bonferroni).

    >>> at_worst([0.5, 0.01])
    0.02
    """
    found = np.atleast_1d(p_values)
    return float(min(1.0, found.min() * len(found)))


def rate_catches(*, trials: int, rate: float, tests: int = 1) -> Catches:
    """Relative deviation of a rate."""

    def smallest(level: float) -> float:
        return _reach(level / tests) * math.sqrt((1 - rate) / (rate * trials))

    return smallest


def variance_catches(*, freedom: int, tests: int = 1) -> Catches:
    """Relative deviation of a standard deviation, to the side that is caught less easily."""

    def smallest(level: float) -> float:
        from scipy.stats import chi2

        tail = level / tests / 2
        low = math.sqrt(chi2.ppf(tail, freedom) / chi2.ppf(POWER, freedom))
        high = math.sqrt(chi2.isf(tail, freedom) / chi2.ppf(1 - POWER, freedom))
        return max(1 - low, high - 1)

    return smallest


def correlation_catches(*, pairs: int, tests: int = 1) -> Catches:
    """Size of a correlation."""

    def smallest(level: float) -> float:
        return min(1.0, _reach(level / tests) / math.sqrt(pairs))

    return smallest


def distance_catches(*, count: int) -> Catches:
    """Greatest distance of two distribution functions. Reference: Massart 1990 (Dvoretzky-Kiefer-Wolfowitz)."""

    def smallest(level: float) -> float:
        return (math.sqrt(math.log(2 / level) / 2) + math.sqrt(math.log(2 / (1 - POWER)) / 2)) / math.sqrt(count)

    return smallest


def kurtosis_catches(*, count: int) -> Catches:
    """Excess kurtosis, by the deviation that normals have."""

    def smallest(level: float) -> float:
        return _reach(level) * math.sqrt(24 / count)

    return smallest


def _reach(level: float) -> float:
    """Standard errors between the truth and the stated value at which a two-sided test of ``level`` has POWER."""
    from scipy.stats import norm

    return float(norm.isf(level / 2) + norm.ppf(POWER))
