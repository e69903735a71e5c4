"""Renyi divergences of random allocation, in both directions, at whole orders; between them by convexity.

Symbols as in ``allocation``: under Q the ratio of all t steps is Y = (X_1 + ... + X_t) / t, with X_i independent,
lognormal and of mean 1. Order n of removing is log E[Y^n] / (n - 1), of adding log E[Y^(1 - n)] / (n - 1).

log E[Y^a] is convex in a (Hoelder) and 0 at a = 1, so chords between whole orders are above it.

Reference: Feldman & Shenfeld 2025, Privacy Amplification by Random Allocation (moments by whole partitions).
"""

from __future__ import annotations

import functools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Beyond this order the divergence of the noise without sampling is taken, which bounds all of them.
_LARGEST: Final = 256
# Distance of points in both quadratures.
_WIDTH: Final = 0.05
# Rounding of logarithms and quadrature, as an absolute error of log E.
_SLACK: Final = 1e-11


def allocated_divergences(sigma: float, *, steps: int, orders: tuple[float, ...]) -> tuple[float, ...]:
    """Upper bounds on the larger direction's divergence at each order.

    >>> from math import expm1, log1p
    >>> found = allocated_divergences(2.0, steps=10, orders=(2.0,))
    >>> round(found[0], 9) == round(log1p(expm1(1 / 4) / 10), 9)
    True
    """
    logs = _log_moments(sigma, steps)
    return tuple(_at(order, logs, sigma) for order in orders)


def _at(order: float, logs: Floats, sigma: float) -> float:
    unsampled = order / (2 * sigma**2)
    if order >= _LARGEST:
        return unsampled
    low = math.floor(order)
    share = order - low
    chord = (1 - share) * float(logs[low]) + share * float(logs[low + 1])
    return min(unsampled, chord / (order - 1))


@functools.lru_cache(maxsize=64)
def _log_moments(sigma: float, steps: int) -> Floats:
    """The larger of log E[Y^n] and log E[Y^(1 - n)] for n = 0 ... ; at 0 and 1 only for completeness."""
    logs = np.maximum(_removing(sigma, steps), _adding(sigma, steps))
    logs[2:] = np.maximum(logs[2:], 0.0) + _SLACK
    logs[:2] = 0.0
    return np.asarray(logs)


def _removing(sigma: float, steps: int) -> Floats:
    """log E[Y^n]: n! times the coefficient of z^n in (sum over k of E[X^k] z^k / k!)^t, over t^n."""
    from scipy.special import gammaln

    n = np.arange(_LARGEST + 1)
    one = n * (n - 1) / (2 * sigma**2) - gammaln(n + 1)
    found, times = np.where(n == 0, 0.0, -np.inf), steps
    while times:
        if times % 2:
            found = _product(found, one)
        one, times = _product(one, one), times // 2
    return np.asarray(found + gammaln(n + 1) - n * math.log(steps))


def _product(a: Floats, b: Floats) -> Floats:
    """Coefficients of a product of two series, all as logarithms: every term is positive, so nothing cancels."""
    padded = np.concatenate([np.full(len(b) - 1, -np.inf), a])
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(b))[:, ::-1] + b
    top = windows.max(axis=1)
    return np.asarray(top + np.log(np.exp(windows - top[:, None]).sum(axis=1)))


def _adding(sigma: float, steps: int) -> Floats:
    """log E[Y^-m], m = n - 1, as an integral over Laplace transforms: of u^(m - 1) E[exp(-u X / t)]^t over (m - 1)!.

    With u = exp(v) the trapezoidal rule leaves an error below the slack. Where its range is too short, and wherever it
    is smaller, the geometric mean of the X, which is below Y, gives the bound.
    """
    from scipy.special import gammaln, logsumexp

    v = np.arange(-45.0, 45.0, _WIDTH)
    m = np.arange(1, _LARGEST)
    terms = m[:, None] * v + steps * _log_laplace(np.exp(v) / steps, sigma)
    logs = logsumexp(terms, axis=1) + math.log(_WIDTH) - gammaln(m)
    cut = np.maximum(terms[:, 0], terms[:, -1]) > terms.max(axis=1) - 35
    by_mean = m * (1 + m / steps) / (2 * sigma**2)
    return np.concatenate([[0.0, 0.0], np.where(cut, by_mean, np.minimum(logs, by_mean))])


def _log_laplace(rates: Floats, sigma: float) -> Floats:
    """log E[exp(-rate X)] at each rate; rates rise."""
    from scipy.special import logsumexp

    z = np.arange(-60.0, 12.0, _WIDTH)
    log_mass = -(z**2) / 2 + math.log(_WIDTH / math.sqrt(2 * math.pi))
    exponents = -np.outer(rates, np.exp(np.minimum(z / sigma - 1 / (2 * sigma**2), 600.0)))
    # Near 1 the transform keeps its digits as a difference from 1; where it is small, as a logarithm.
    near = int(np.searchsorted(rates, 1.0))
    return np.concatenate(
        [np.log1p(np.expm1(exponents[:near]) @ np.exp(log_mass)), logsumexp(exponents[near:] + log_mass, axis=1)]
    )
