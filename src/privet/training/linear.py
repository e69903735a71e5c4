"""Exact per-unit clipped gradient sums of logistic regression.

The gradient of a row is (p - y) * x, so its norm is |p - y| * |x|: clipping costs no more than the gradient. With
several rows a unit, a unit's rows are summed first and the sum is clipped (user-level clipping).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Rows of one data set. Shapes: ``features`` (n, d), ``labels`` (n,) of 0 and 1, ``units`` (n,) or None.

    ``units`` numbers each row's unit; None means that every row is its own. A row that is not finite would turn every
    product into NaN, so it is replaced by zeros, whose gradient is zero. ``norms`` are the lengths of the rows.
    """

    features: Floats
    labels: NDArray[np.int64]
    units: NDArray[np.int64] | None = None
    norms: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            norms = np.linalg.norm(self.features, axis=1)
            if not np.isfinite(norms).all():
                whole: NDArray[np.bool_] = np.asarray(np.isfinite(self.features).all(axis=1))
                object.__setattr__(self, "features", np.where(whole[:, None], self.features, 0.0))
                norms = np.linalg.norm(self.features, axis=1)
        object.__setattr__(self, "norms", norms)

    def select(self, chosen: NDArray[np.bool_]) -> LabelledRows:
        units = None if self.units is None else self.units[chosen]
        return LabelledRows(self.features[chosen], self.labels[chosen], units)

    def __len__(self) -> int:
        return len(self.labels)


def probabilities(weights: Floats, *, features: Floats) -> Floats:
    """P(label = 1) of each row under logistic weights, without overflow.

    >>> probabilities(np.zeros(2), features=np.ones((1, 2)))
    array([0.5])
    """
    margin = features @ weights
    shrunk = np.exp(-np.abs(margin))
    return np.asarray(np.where(margin >= 0, 1 / (1 + shrunk), shrunk / (1 + shrunk)), dtype=np.float64)


def clipped_gradient_sum(weights: Floats, *, rows: LabelledRows, clip_norm: float) -> Floats:
    """Sum over units of each unit's gradient, scaled down to norm at most ``clip_norm``.

    Guarantee: one unit changes the result by at most ``clip_norm`` in L2 norm if it is added or removed, whatever its
    rows hold: a unit whose gradient is not finite contributes zero.
    Shapes: ``weights`` and the result (d,).
    """
    with np.errstate(invalid="ignore", over="ignore"):
        residual = probabilities(weights, features=rows.features) - rows.labels
        # Finite but huge features can overflow to inf - inf in the margin.
        residual = np.where(np.isfinite(residual), residual, 0.0)
        if rows.units is None:
            factors = _factors(np.abs(residual) * rows.norms, clip_norm)
            return np.asarray(rows.features.T @ (residual * factors), dtype=np.float64)
        sums = _sum_by_unit(rows.features * residual[:, None], rows.units)
        return np.asarray(sums.T @ _factors(np.linalg.norm(sums, axis=1), clip_norm), dtype=np.float64)


def _factors(norms: Floats, clip_norm: float) -> Floats:
    """What each unit's gradient is multiplied by; zero for one whose norm overflowed."""
    # The bound is kept a hair below the clip norm, so that rounding cannot carry a unit above it.
    limit = clip_norm * (1 - 1e-12)
    # In this order, so that no factor is too small a number to be rounded well.
    with np.errstate(over="ignore"):
        ratios = np.maximum(norms / limit, 1.0)
    return np.where(np.isfinite(norms), 1.0 / ratios, 0.0)


def _sum_by_unit(gradients: Floats, units: NDArray[np.int64]) -> Floats:
    codes, inverse = np.unique(units, return_inverse=True)
    sums = np.zeros((len(codes), gradients.shape[1]))
    np.add.at(sums, inverse, gradients)
    return np.where(np.isfinite(sums).all(axis=1, keepdims=True), sums, 0.0)
