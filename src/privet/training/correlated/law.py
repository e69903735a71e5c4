"""Correlated noise as the noise law of a plan."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from privet.core.errors import InvalidParameter
from privet.core.events import Event, Gaussian, NoRelease
from privet.core.exact import exact
from privet.core.units import NoiseMultiplier
from privet.training.correlated.strategy import Participation, Strategy
from privet.training.noise_law import StepNoise
from privet.training.sampling import Sampling


@dataclass(frozen=True, slots=True)
class CorrelatedNoise:
    """All steps together are one Gaussian mechanism of ``noise_multiplier``, whatever their number.

    Guarantee: with a unit's gradients stacked over the steps in which it takes part, C times them changes by at most
    clip norm times ``strategy.sensitivity``, and is hidden by noise of ``noise_multiplier`` times that. Gradients may
    depend on earlier noisy ones, because C is lower triangular (Denisov et al. 2022, Theorem 2.1); a plan that ends
    early shows a prefix, which costs no more. The sampling must state how often a unit takes part, and how far apart.
    Errors: InvalidParameter. Reference: Kairouz et al. 2021; Denisov et al. 2022; Choquette-Choo et al. 2023.

    >>> from privet.training.correlated.tree import TreeAggregation
    >>> CorrelatedNoise(2.0, TreeAggregation(steps=8)).multiplier(0)
    2.0
    """

    noise_multiplier: float
    strategy: Strategy

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise_multiplier", NoiseMultiplier(self.noise_multiplier))

    def require(self, sampling: Sampling, *, steps: int) -> None:
        if steps > self.strategy.steps:
            raise InvalidParameter(f"the strategy is for {self.strategy.steps} steps, the plan has {steps}")
        if sampling.participation(steps) is None:
            raise InvalidParameter(
                f"correlated noise has no price on {type(sampling).__name__}, where a unit may take part at any time; "
                "use ShuffledBatches(..., same_order=True) or FullBatch"
            )

    def multiplier(self, step: int) -> float:
        return float(self.noise_multiplier)

    def scale(self, sampling: Sampling, *, steps: int) -> float:
        taken = sampling.participation(steps)
        if taken is None:
            raise InvalidParameter("correlated noise needs a sampling that states how often a unit takes part")
        return _sensitivity(self.strategy, Participation(*taken))

    def event(self, sampling: Sampling, *, steps: int) -> Event:
        return Gaussian(exact(float(self.noise_multiplier))) if steps else NoRelease()

    def start(self, size: int, *, device: Any) -> StepNoise:
        return self.strategy.start(size, device=device)


@functools.lru_cache(maxsize=16)
def _sensitivity(strategy: Strategy, participation: Participation) -> float:
    """Asked for in every step, and slow for long plans."""
    return strategy.sensitivity(participation)
