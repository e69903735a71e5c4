"""Noisy full-batch gradient descent for logistic regression: a pure step, and a loop under the gate.

The step size follows from the smoothness of the loss on rows of norm at most 1, momentum and tail averaging are
post-processing: nothing is chosen by looking at the data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.core.protocols import NoiseSource
from privet.training.linear import LabelledRows, clipped_gradient_sum
from privet.training.plan import FullBatchPlan

Floats = NDArray[np.float64]

MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class Descent:
    """Where the descent stands: weights, velocity, and the running mean of the second half of the weights."""

    weights: Floats
    velocity: Floats
    mean: Floats
    averaged: int = 0

    @classmethod
    def start(cls, dimension: int) -> Descent:
        return cls(np.zeros(dimension), np.zeros(dimension), np.zeros(dimension))

    def average(self) -> Floats:
        """The weights to release."""
        return self.mean if self.averaged else self.weights


def noisy_gradient(weights: Floats, *, rows: LabelledRows, plan: FullBatchPlan, noise: NoiseSource) -> Floats:
    """Mean clipped gradient with noise: one draw of the step's permit.

    Guarantee: a Gaussian mechanism with the plan's noise multiplier; dividing by the public ``expected_units`` and
    rounding to the grid are post-processing. The grid (2**-20 of the noise) leaves no trace of how the floating-point
    sum was formed in the low bits of what is released; see decision 002.
    """
    exact_sum = clipped_gradient_sum(weights, rows=rows, clip_norm=plan.clip_norm)
    noisy = exact_sum + noise.gaussian(stddev=plan.noise_stddev, size=len(weights))
    grid = 2.0 ** np.floor(np.log2(plan.noise_stddev) - 20)
    return np.asarray(np.round(noisy / grid) * grid / plan.expected_units, dtype=np.float64)


def advance(state: Descent, *, gradient: Floats, learning_rate: float, averaging: bool) -> Descent:
    """One step of descent with momentum. Pure."""
    velocity = MOMENTUM * state.velocity + gradient
    weights = state.weights - learning_rate * velocity
    if not averaging:
        return Descent(weights, velocity, state.mean, state.averaged)
    count = state.averaged + 1
    return Descent(weights, velocity, state.mean + (weights - state.mean) / count, count)


def learning_rate(max_row_norm: float) -> float:
    """Step size for rows of at most this norm: the loss is (norm^2 / 4)-smooth; momentum adds up ten gradients.

    >>> learning_rate(1.0)
    1.2
    """
    return 0.3 * 4 / max_row_norm**2


def descend(rows: LabelledRows, *, plan: FullBatchPlan, steps: Iterable[NoiseSource], max_row_norm: float) -> Floats:
    """Run every step of a plan on private rows; the weights may leave only through the run's release."""
    state = Descent.start(rows.features.shape[1])
    rate = learning_rate(max_row_norm)
    for number, noise in enumerate(steps):
        gradient = noisy_gradient(state.weights, rows=rows, plan=plan, noise=noise)
        state = advance(state, gradient=gradient, learning_rate=rate, averaging=number >= plan.steps // 2)
    return state.average()
