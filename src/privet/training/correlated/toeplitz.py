"""Lower triangular Toeplitz matrices: one series of coefficients says all.

With ``normalised`` every column is divided by its norm, so that steps near the end, whose columns are cut off, are not
protected beyond need.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.signal import fftconvolve, lfilter

from privet.core.errors import InvalidParameter
from privet.training.correlated.strategy import Participation, Series, inner_bound

Coefficients = Callable[[Series], Series]


def square_root(steps: int) -> Series:
    """Coefficients of the square root of the prefix-sum matrix.

    Reference: Fichtenberger, Henzinger & Upadhyay 2023, Theorem 1.

    >>> square_root(4).tolist()
    [1.0, 0.5, 0.375, 0.3125]
    """
    ratios = (2 * np.arange(1, steps) - 1) / (2 * np.arange(1, steps))
    return np.concatenate([[1.0], np.cumprod(ratios)])


def inverse(coefficients: Series, steps: int) -> Series:
    """Coefficients of the inverse matrix."""
    one = np.zeros(steps)
    one[0] = 1.0
    found: Series = lfilter([1.0], coefficients, one)
    return found


def column_norms(coefficients: Series, steps: int) -> Series:
    """Norm of every column. Shapes: (steps,)."""
    whole = _padded(coefficients, steps)
    return np.sqrt(np.cumsum(whole**2))[::-1]


def errors(coefficients: Series, steps: int, *, normalised: bool) -> Series:
    """Variance of the noise in each prefix sum, at a sensitivity of 1. Shapes: (steps,)."""
    undone = inverse(coefficients, steps)
    if not normalised:
        return np.cumsum(np.cumsum(undone) ** 2)
    norms, total = column_norms(coefficients, steps), np.zeros(steps)
    for first in range(steps):
        total[first:] += np.cumsum(norms[first:] * undone[: steps - first]) ** 2
    return total


def sensitivity(coefficients: Series, steps: int, participation: Participation, *, normalised: bool) -> float:
    """L2 sensitivity under a participation pattern.

    Columns that do not meet are orthogonal, so their squared norms add up. Otherwise, for coefficients that fall, the
    densest pattern from the first step on is the worst (Kalinin & Lampert 2024, Theorem 2); for normalised columns an
    upper bound is taken.
    """
    whole, places = _padded(coefficients, steps), participation.after(steps)
    if len(places) == 1 or np.count_nonzero(whole) <= participation.apart:
        norms = np.ones(steps) if normalised else column_norms(coefficients, steps)
        return float(np.sqrt((norms[places] ** 2).sum()))
    if normalised:
        return inner_bound(_greatest(whole), participation)
    total = np.zeros(steps)
    for place in places:
        total[place:] += whole[: steps - place]
    return float(np.linalg.norm(total))


def require_falling(coefficients: Series) -> None:
    """Raise InvalidParameter unless the first is 1 and none is below zero or above the one before."""
    if coefficients[0] != 1 or (coefficients < 0).any() or (np.diff(coefficients) > 1e-12).any():
        raise InvalidParameter("coefficients must begin with 1, fall, and never be below 0; optimise them anew")


def optimise(
    start: Series,
    make: Callable[[Series], tuple[Series, Series]],
    *,
    steps: int,
    participation: Participation,
    bounds: list[tuple[float, float]],
) -> list[Series]:
    """Settings within ``bounds`` at which error times sensitivity is least: first the mean error, then the greatest.

    ``make`` gives the coefficients of some settings and their derivatives, one row for each setting. Which of the two
    is better once columns are normalised depends on the participation.
    """
    mean = (steps - np.arange(steps)) / steps

    def loss(weights: Series, settings: Series) -> tuple[float, Series]:
        coefficients, slopes = make(settings)
        with np.errstate(over="ignore", invalid="ignore"):
            error, by_error = _error(coefficients, steps, weights)
            squared, by_squared = _squared_sensitivity(coefficients, steps, participation)
            slope = by_error / error + by_squared / squared
            return float(np.log(error) + np.log(squared)), slopes @ slope[: len(coefficients)]

    made = []
    for weights in (mean, np.ones(steps)):
        found = minimize(
            partial(loss, weights), start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}
        )
        made.append(np.asarray(found.x, dtype=float))
    return made


def _error(coefficients: Series, steps: int, weights: Series) -> tuple[float, Series]:
    """Weighted squared error, and its derivatives by the coefficients: d(C^-1) = -C^-1 dC C^-1."""
    undone = inverse(coefficients, steps)
    sums = np.cumsum(undone)
    by_undone = np.cumsum((2 * weights * sums)[::-1])[::-1]
    twice = lfilter([1.0], coefficients, undone)
    slope = -fftconvolve(by_undone, twice[::-1])[steps - 1 :][:steps]
    return float((weights * sums**2).sum()), slope


def _squared_sensitivity(coefficients: Series, steps: int, participation: Participation) -> tuple[float, Series]:
    whole, total = _padded(coefficients, steps), np.zeros(steps)
    places = participation.after(steps)
    for place in places:
        total[place:] += whole[: steps - place]
    slope = np.zeros(steps)
    for place in places:
        slope[: steps - place] += 2 * total[place:]
    return float((total**2).sum()), slope


def _greatest(whole: Series) -> Series:
    """Greatest inner product of two normalised columns at each lag: those of entries are partial sums of products."""
    steps = len(whole)
    norms, made = column_norms(whole, steps), np.zeros(steps)
    for lag in range(steps):
        products = np.cumsum(whole[lag:] * whole[: steps - lag])[::-1]
        made[lag] = (products / (norms[: steps - lag] * norms[lag:])).max()
    return made


def _padded(coefficients: Series, steps: int) -> Series:
    made = np.zeros(steps)
    made[: len(coefficients)] = coefficients[:steps]
    return made
