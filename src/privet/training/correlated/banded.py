"""Banded Toeplitz strategies: a step's noise is taken back in the few steps that follow."""

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
class BandedToeplitz:
    """C has ``coefficients`` on its diagonal and those below it, and zeros further down.

    Where a unit's steps lie at least as far apart as there are bands, its columns are orthogonal and cost what
    independent noise costs. Memory: as many past noises as bands. ``normalised`` columns have norm 1.
    Errors: InvalidParameter. Reference: Choquette-Choo et al. 2023, (Amplified) Banded Matrix Factorization;
    McKenna 2024.

    >>> round(BandedToeplitz(steps=4, coefficients=(1.0, 0.5)).sensitivity(Participation(2, 2)) ** 2, 6)
    2.5
    """

    steps: int
    coefficients: tuple[float, ...]
    normalised: bool = False
    _series: Series = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        series = np.array(self.coefficients, dtype=float)
        if self.steps < 1 or not 1 <= len(series) <= self.steps:
            raise InvalidParameter(f"{len(series)} coefficients for {self.steps} steps; give 1 to {self.steps}")
        toeplitz.require_falling(series)
        object.__setattr__(self, "_series", series)

    def sensitivity(self, participation: Participation) -> float:
        return toeplitz.sensitivity(self._series, self.steps, participation, normalised=self.normalised)

    def root_mean_square_error(self, participation: Participation) -> float:
        spread = toeplitz.errors(self._series, self.steps, normalised=self.normalised)
        return self.sensitivity(participation) * math.sqrt(spread.mean())

    def greatest_error(self, participation: Participation) -> float:
        spread = toeplitz.errors(self._series, self.steps, normalised=self.normalised)
        return self.sensitivity(participation) * math.sqrt(spread.max())

    def start(self, size: int, *, device: Any) -> BandedNoise:
        norms = toeplitz.column_norms(self._series, self.steps) if self.normalised else np.ones(self.steps)
        return BandedNoise(self._series, norms, size=size, device=device)


class BandedNoise:
    """Rows of C^-1 Z by forward substitution: each is the fresh noise less weighted earlier rows."""

    def __init__(self, series: Series, norms: Series, *, size: int, device: Any) -> None:
        self._weights, self._norms = series[1:].tolist(), norms
        self._past = torch.zeros(len(self._weights), size, device=device)
        self._step = 0

    def next(self, fresh: Tensor) -> Tensor:
        """The step's noise, in memory of its own."""
        made = fresh.clone()
        bands = len(self._weights)
        for back in range(1, min(bands, self._step) + 1):
            made.sub_(self._past[(self._step - back) % bands], alpha=self._weights[back - 1])
        if bands:
            self._past[self._step % bands] = made
        scale = float(self._norms[self._step])
        self._step += 1
        return made if scale == 1 else made.mul_(scale)

    def state_dict(self) -> dict[str, Any]:
        return {"past": self._past.clone(), "step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._past.copy_(state["past"])
        self._step = int(state["step"])


def optimise_banded(steps: int, *, bands: int, participation: Participation, normalised: bool = True) -> BandedToeplitz:
    """The banded Toeplitz strategy of least error.

    Deterministic; a tenth of a second for 10,000 steps.
    Errors: InvalidParameter.

    >>> strategy = optimise_banded(100, bands=10, participation=Participation(1, 1))
    >>> round(strategy.root_mean_square_error(Participation(1, 1)), 2)
    2.94
    """
    if not 1 <= bands <= steps:
        raise InvalidParameter(f"bands is {bands}; give 1 to {steps}, the number of steps")
    slopes = np.eye(bands)[1:]

    def make(settings: Series) -> tuple[Series, Series]:
        return np.concatenate([[1.0], settings]), slopes

    start = toeplitz.square_root(bands)[1:]
    bounds = [(0.0, 1.0)] * (bands - 1)
    found = [start]
    if bands > 1:
        found = toeplitz.optimise(start, make, steps=steps, participation=participation, bounds=bounds)
    made = [BandedToeplitz(steps, _falling(settings), normalised) for settings in found]
    return min(made, key=lambda strategy: strategy.root_mean_square_error(participation))


def _falling(settings: Series) -> tuple[float, ...]:
    """Falling from 1 on, which the sensitivity's theorem asks for."""
    return tuple(np.minimum.accumulate(np.concatenate([[1.0], settings])).tolist())
