"""The privacy curve of random allocation: Gaussian noise in each of t steps, one of which a unit takes part in.

Symbols: Q, nobody takes part; P, somebody does, in a step drawn uniformly. X_i is the likelihood ratio of step i if the
unit took part in it: independent, lognormal and of mean 1 under Q. That of all steps is S / t, S = X_1 + ... + X_t; and
under P one of the X_i, no matter which, is size-biased. So

    removing: d(e) = E_Q[(S / t - exp(e))+] = E_P[(1 - exp(e) t / S)+]      adding: d(e) = E_Q[(1 - exp(e) S / t)+]

Both are convex in S. If each X_i is split between two neighbouring points of a grid so that its mean stays, both can
only rise (Doroshenko et al. 2022, "connect the dots", done to one step instead of to all), and the sum of t numbers
on a grid is a power of a Fourier transform. One grid does not serve all losses, so each octave of S / t has its own.
Losses below 0 follow from the other direction: d(-e) = 1 - exp(-e) + exp(-e) d'(e).

That this pair bounds every epoch, gradients chosen adaptively included: docs/decisions/012-sampling.md.

References: Chua et al. 2024, Balls-and-Bins Sampling for DP-SGD; Choquette-Choo et al. 2024, Near Exact Privacy
Amplification for Matrix Mechanisms; Feldman & Shenfeld 2026, Efficient Privacy Loss Accounting for Subsampling and
Random Allocation (distributions of S, rounded, on geometric grids).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Sums so unlikely are not given room; they and the rounding of transforms are far below the slack added for both.
_ROOM: Final = 39.0  # exp(-39) < 2e-17
_RATES: Final = np.geomspace(0.5, 1e5, 32)
# Points of one X at most; beyond, grids are coarser than wanted, which is sound and less tight.
_CELLS: Final = 2**21


def largest_loss(sigma: float, *, steps: int) -> float:
    """A loss that is hardly ever passed, in both directions: where curves may end. What lies beyond is not lost.

    Removing: S / t is at most the largest X_i, and hardly above 4 and four times the largest over t. Adding: it is at
    least the geometric mean, whose logarithm is normal.
    """
    from scipy.special import ndtri

    largest = 1 / (2 * sigma**2) + float(-ndtri(1e-16 / steps)) / sigma
    removing = min(largest, math.log(4) + float(np.logaddexp(0.0, largest - math.log(steps))))
    return max(removing, 1 / (2 * sigma**2) + 8.3 / (sigma * math.sqrt(steps)))


def allocation_curve(losses: Floats, *, sigma: float, steps: int, removing: bool) -> Floats:
    """Upper bounds on d at ``losses``, which are consecutive multiples of their distance.

    They lie on a convex curve in exp(loss), as the true ones do, and are as fine as the distance.
    """
    width = float(losses[1] - losses[0])
    ahead = _from_zero(sigma, steps, width, max(0, round(losses[-1] / width)) + 1, removing)
    back = _from_zero(sigma, steps, width, max(0, round(-losses[0] / width)) + 1, not removing)
    numbers = np.rint(losses / width).astype(np.int64)
    sticks = np.where(
        numbers >= 0,
        ahead[np.maximum(numbers, 0)],
        -np.expm1(losses) + np.exp(np.minimum(losses, 0.0)) * back[np.maximum(-numbers, 0)],
    )
    return convex_below(losses, np.clip(sticks, 0.0, 1.0))


@functools.lru_cache(maxsize=32)
def _from_zero(sigma: float, steps: int, width: float, count: int, removing: bool) -> Floats:
    """Bounds at 0, ``width``, 2 ``width`` ...; constant once they are no more than what rounding may hide."""
    slack = steps * 2.0**-52
    found = np.empty(count)
    octave = max(1, int(math.log(2) / width))
    for start in range(0, count, octave):
        losses = np.asarray(np.arange(start, min(count, start + octave)) * width, dtype=np.float64)
        bounds = _removing if removing else _adding
        found[start : start + octave] = bounds(losses, sigma=sigma, steps=steps, width=width) + slack
        if losses[-1] > 0 and found[start + len(losses) - 1] <= 4 * slack:
            found[start + len(losses) :] = found[start + len(losses) - 1]
            break
    return found


def _removing(losses: Floats, *, sigma: float, steps: int, width: float) -> Floats:
    wanted = steps * np.exp(losses)
    grid = _Grid.covering(wanted, sigma=sigma, steps=steps, width=width)
    sums, law = grid.sums(steps, biased=True)
    # From the right: P(S > s) and E_P[1 / S; S > s].
    above = np.append(np.cumsum(law[::-1])[::-1], 0.0)
    inverse = np.append(np.cumsum((law / np.maximum(sums, grid.cell))[::-1])[::-1], 0.0)
    first = np.searchsorted(sums, wanted, side="right")
    small = above[first] - wanted * inverse[first]
    # An X_i beyond the grid carries S beyond every s here, where d is linear in S: that part is exact.
    q, p = (float(part[0]) for part in _above(np.asarray([grid.top]), sigma))
    others = (steps - 1) * math.log1p(-q)
    some_p = -math.expm1(others + math.log1p(-p)) if p < 1 else 1.0
    reaches = grid.top >= wanted[-1] * (1 - 1e-12)
    some_q = -math.expm1(others + math.log1p(-q)) if reaches else 0.0
    return np.asarray(small + some_p - np.exp(losses) * some_q)


def _adding(losses: Floats, *, sigma: float, steps: int, width: float) -> Floats:
    wanted = steps * np.exp(-losses)
    grid = _Grid.covering(wanted, sigma=sigma, steps=steps, width=width)
    # Sums with an X_i beyond the grid are beyond every s here and contribute nothing.
    sums, law = grid.sums(steps, biased=False)
    below, total = np.append(0.0, np.cumsum(law)), np.append(0.0, np.cumsum(law * sums))
    last = np.searchsorted(sums, wanted, side="right")
    return np.asarray(below[last] - total[last] / wanted)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Mass of one X at 0, ``cell``, 2 ``cell`` ... under Q, for X of at most the last of them, ``top``."""

    cell: float
    masses: Floats

    @classmethod
    def covering(cls, wanted: Floats, *, sigma: float, steps: int, width: float) -> _Grid:
        """Fine enough that splitting all X moves the loss by about a third of ``width``, as a standard deviation.

        The split of one X has a variance of at most cell^2 / 4 (a sixth of cell^2 on average), and of at most cell
        times X. It reaches up to the largest sum, or as far as any of the X does but with a chance below the slack.
        """
        from scipy.special import ndtri

        lowest, fine = float(wanted.min()), width / 2
        widest = max(2 * fine * lowest / math.sqrt(steps), fine**2 * lowest**2 / steps)
        largest = 1 / (2 * sigma**2) + float(-ndtri(1e-17 / steps)) / sigma
        top = min(float(wanted.max()), math.exp(min(largest, 700.0)))
        cells = max(2, min(_CELLS, math.ceil(top / min(widest, fine * lowest))))
        return cls(top / cells, _split(top / cells, cells, sigma))

    @property
    def top(self) -> float:
        return self.cell * (len(self.masses) - 1)

    def sums(self, steps: int, *, biased: bool) -> tuple[Floats, Floats]:
        """Sums of ``steps`` independent X within the grid, with their masses; under P one of the X is size-biased."""
        from scipy.fft import irfft, next_fast_len, rfft

        low, high = self._window(steps)
        size = next_fast_len(high - low + 1, real=True)
        one = rfft(self.masses, size)
        if biased:
            spectrum = _power(one, steps - 1) * rfft(self.masses * np.arange(len(self.masses)) * self.cell, size)
        else:
            spectrum = _power(one, steps)
        # The transform counts modulo its size; what lies outside the window is less than the slack.
        law = np.roll(irfft(spectrum, size), -(low % size))
        return np.asarray((low + np.arange(size)) * self.cell), np.clip(law, 0.0, None)

    def _window(self, steps: int) -> tuple[int, int]:
        """Numbers of cells between which the sum lies, by Chernoff's bounds at some rates; any rate is sound."""
        from scipy.special import logsumexp

        last = len(self.masses) - 1
        # The masses once more, split between fewer points, of the top's size in all: a convex moment only rises.
        every = math.ceil(last / 512)
        numbers = np.arange(last + 1)
        right = self.masses * (numbers % every) / every
        split = np.bincount(numbers // every, self.masses - right, minlength=last // every + 2)
        split[1:] += np.bincount(numbers // every, right)
        filled = np.flatnonzero(split > 0)
        log_split, exponents = np.log(split[filled]), np.outer(_RATES, filled * (every / last))
        high = np.min((steps * logsumexp(log_split + exponents, axis=1) + _ROOM) / _RATES)
        low = np.max(-(steps * logsumexp(log_split - exponents, axis=1) + _ROOM) / _RATES)
        # One more X, within the grid, for the size-biased one.
        return max(0, math.floor(float(low) * last) - 1), math.ceil(max(1.0, float(high)) * last) + last + 2


def _power(spectrum: NDArray[np.complex128], times: int) -> NDArray[np.complex128]:
    """By repeated squaring, which is ten times as quick as logarithms."""
    found = spectrum if times % 2 else np.ones_like(spectrum)
    while times := times // 2:
        spectrum = spectrum * spectrum
        if times % 2:
            found = found * spectrum
    return found


def _split(cell: float, cells: int, sigma: float) -> Floats:
    """Each X within a cell goes to its two ends, so that mass and mean of the cell stay."""
    points = np.asarray(np.arange(cells + 1) * cell, dtype=np.float64)
    above_q, above_p = _above(points, sigma)
    mass, mean = -np.diff(above_q), -np.diff(above_p)
    # Differences of small numbers instead of numbers near 1, where X is small.
    below_q, below_p = _below(points, sigma)
    low = below_q[1:] < 0.5
    mass[low], mean[low] = np.diff(below_q)[low], np.diff(below_p)[low]
    right = np.clip(mean / cell - np.arange(cells) * mass, 0.0, mass)
    masses = np.zeros(cells + 1)
    masses[1:] += right
    masses[:-1] += mass - right
    return masses


def _above(points: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Q(X > x) and E_Q[X; X > x], which is what the size-biased law has there."""
    from scipy.special import ndtr

    return ndtr(-_standard(points, sigma)), ndtr(1 / sigma - _standard(points, sigma))


def _below(points: Floats, sigma: float) -> tuple[Floats, Floats]:
    from scipy.special import ndtr

    return ndtr(_standard(points, sigma)), ndtr(_standard(points, sigma) - 1 / sigma)


def _standard(points: Floats, sigma: float) -> Floats:
    """The standard normal number at which X = exp(z / sigma - 1 / (2 sigma^2)) is x."""
    with np.errstate(divide="ignore"):
        return np.asarray(sigma * np.log(points) + 1 / (2 * sigma))


def convex_below(losses: Floats, bounds: Floats) -> Floats:
    """The largest curve below the bounds that is convex in x = exp(loss) and 1 at x = 0.

    Hockey-stick divergences are such curves, so one that is below the bounds is below this, too.
    """
    from scipy.optimize import isotonic_regression

    x = np.concatenate([[0.0], np.exp(losses)])
    widths = np.diff(x)
    slopes = np.diff(np.concatenate([[1.0], bounds])) / widths
    # Of all convex curves the largest has the slopes of a rising regression on those of the bounds.
    falls = -isotonic_regression(slopes, weights=widths).x * widths
    # Summed from the right, where the curve is small.
    return np.asarray(bounds[-1] + np.concatenate([np.cumsum(falls[:0:-1])[::-1], [0.0]]))
