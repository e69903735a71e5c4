"""Buffered linear Toeplitz strategies: coefficients that are sums of a few exponentials need a few buffers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privet.core.errors import InvalidParameter
from privet.training.correlated import toeplitz
from privet.training.correlated.strategy import Participation, Series


@dataclass(frozen=True, slots=True)
class BufferedToeplitz:
    """C is Toeplitz with coefficients 1 and, k steps later, the sum of ``weights`` times ``decays`` to the k - 1.

    A handful of buffers come within a few thousandths of the best Toeplitz matrix, whatever the number of steps.
    Memory: one noise for each buffer. ``normalised`` columns have norm 1.
    Errors: InvalidParameter. Reference: Dvijotham, McMahan, Pillutla, Steinke & Thakurta 2024, section 3.

    >>> strategy = BufferedToeplitz(steps=3, weights=(0.5,), decays=(0.5,))
    >>> strategy.series.tolist()
    [1.0, 0.5, 0.25]
    """

    steps: int
    weights: tuple[float, ...]
    decays: tuple[float, ...]
    normalised: bool = False
    series: Series = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.steps < 1 or len(self.weights) != len(self.decays) or not self.weights:
            raise InvalidParameter(
                f"{len(self.weights)} weights and {len(self.decays)} decays for {self.steps} steps; give as many of "
                "each, and at least one step"
            )
        if min(self.weights) < 0 or not all(0 <= decay < 1 for decay in self.decays):
            raise InvalidParameter("weights must be at least 0 and decays from 0 up to 1")
        series = _coefficients(np.array(self.weights), np.array(self.decays), self.steps)
        toeplitz.require_falling(series)
        object.__setattr__(self, "series", series)

    def sensitivity(self, participation: Participation) -> float:
        return toeplitz.sensitivity(self.series, self.steps, participation, normalised=self.normalised)

    def root_mean_square_error(self, participation: Participation) -> float:
        spread = toeplitz.errors(self.series, self.steps, normalised=self.normalised)
        return self.sensitivity(participation) * math.sqrt(spread.mean())

    def greatest_error(self, participation: Participation) -> float:
        spread = toeplitz.errors(self.series, self.steps, normalised=self.normalised)
        return self.sensitivity(participation) * math.sqrt(spread.max())

    def start(self, size: int, *, device: Any) -> BufferedNoise:
        norms = toeplitz.column_norms(self.series, self.steps) if self.normalised else np.ones(self.steps)
        return BufferedNoise(self.weights, self.decays, norms, size=size, device=device)


class BufferedNoise:
    """Rows of C^-1 Z: each is the fresh noise less the weighted buffers, which then decay and take it in."""

    def __init__(self, weights: Any, decays: Any, norms: Series, *, size: int, device: Any) -> None:
        self._weights = torch.tensor(weights, dtype=torch.float32, device=device)
        self._decays = torch.tensor(decays, dtype=torch.float32, device=device)[:, None]
        self._norms, self._step = norms, 0
        self._buffers = torch.zeros(len(weights), size, device=device)

    def next(self, fresh: Tensor) -> Tensor:
        """The step's noise, in memory of its own."""
        made = fresh - self._weights @ self._buffers
        self._buffers.mul_(self._decays).add_(made)
        scale = float(self._norms[self._step])
        self._step += 1
        return made if scale == 1 else made.mul_(scale)

    def state_dict(self) -> dict[str, Any]:
        return {"buffers": self._buffers.clone(), "step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._buffers.copy_(state["buffers"])
        self._step = int(state["step"])


def optimise_buffered(
    steps: int, *, buffers: int, participation: Participation, normalised: bool = True
) -> BufferedToeplitz:
    """The strategy of so many buffers of least error.

    Deterministic; a second for 2,000 steps.
    Errors: InvalidParameter.

    >>> strategy = optimise_buffered(100, buffers=3, participation=Participation(1, 1))
    >>> round(strategy.root_mean_square_error(Participation(1, 1)), 2)
    2.27
    """
    if not 1 <= buffers <= 20:
        raise InvalidParameter(f"buffers is {buffers}; give 1 to 20: a handful is near the best")
    powers = np.arange(steps - 1, dtype=float)

    def make(settings: Series) -> tuple[Series, Series]:
        """Settings are logarithms of weights, and of 1 - decay: both then stay where they must."""
        weights, gaps = np.exp(settings[:buffers]), np.exp(settings[buffers:])
        decays = 1 - gaps
        curves = np.exp(np.log(decays)[:, None] * powers)
        by_decay = weights[:, None] * powers * curves / decays[:, None]
        slopes = np.zeros((2 * buffers, steps))
        slopes[:buffers, 1:] = weights[:, None] * curves
        slopes[buffers:, 1:] = -gaps[:, None] * by_decay
        return np.concatenate([[1.0], weights @ curves]), slopes

    # Square-root coefficients fall as one over the root of the lag: decays spread over all lags, weights to match.
    reach = np.geomspace(1.5, max(2.0, 2.0 * steps), buffers)
    start = np.concatenate([np.log(0.5 / buffers / np.sqrt(reach / reach[0])), -np.log(reach)])
    bounds = [(-30.0, 0.0)] * buffers + [(-30.0, -1e-3)] * buffers
    found = toeplitz.optimise(start, make, steps=steps, participation=participation, bounds=bounds)
    made = [_strategy(settings, buffers, steps, normalised) for settings in found]
    return min(made, key=lambda strategy: strategy.root_mean_square_error(participation))


def _strategy(settings: Series, buffers: int, steps: int, normalised: bool) -> BufferedToeplitz:
    weights, decays = np.exp(settings[:buffers]), 1 - np.exp(settings[buffers:])
    weights *= min(1.0, 1.0 / weights.sum())
    return BufferedToeplitz(steps, tuple(weights.tolist()), tuple(decays.tolist()), normalised)


def _coefficients(weights: Series, decays: Series, steps: int) -> Series:
    return np.concatenate([[1.0], weights @ decays[:, None] ** np.arange(steps - 1)])
