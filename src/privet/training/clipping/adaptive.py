"""Adaptive clipping: the clip norm follows a quantile of the units' norms, estimated privately in each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from privet.core.errors import InvalidParameter
from privet.core.units import ClipNorm
from privet.training.clipping.flat import FlatClipper
from privet.training.per_example.clipping import ClippedSum
from privet.training.per_example.watch import Watch

# A unit adds +1/2 or -1/2 to the count of those below the clip norm, or nothing if it is not there.
COUNT_SENSITIVITY = 0.5


@dataclass(frozen=True, slots=True)
class AdaptiveClipping:
    """Flat clipping whose norm moves towards the ``quantile`` of the units' gradient norms.

    Guarantee: one unit changes the sum by at most the norm of the step, and the count of units below it by at most
    1/2; both leave with noise of one draw, and together are one Gaussian mechanism of the step's noise multiplier: the
    gradient's noise is raised for what the count costs. ``count_noise`` is the standard deviation on the count, of
    which the authors take a twentieth of the expected number of units in a step. The norm stays from ``least`` to
    ``most``.
    Units: ``clip_norm``, that of the first step, in the unit of the gradient; ``learning_rate`` per step.
    Errors: InvalidParameter, also where the count alone would cost more than the whole step may.
    Reference: Andrew, Thakkar, McMahan & Ramaswamy 2021, Algorithm 1 and Theorem 1.

    >>> clipping = AdaptiveClipping(1.0, count_noise=5.0)
    >>> round(clipping.gradient_noise(1.0), 4)
    1.005
    """

    clip_norm: float
    count_noise: float
    quantile: float = 0.5
    learning_rate: float = 0.2
    least: float = 0.0
    most: float = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip_norm", ClipNorm(self.clip_norm))
        if not 0 <= self.quantile <= 1:
            raise InvalidParameter(f"quantile is {self.quantile}; give a number from 0 to 1")
        if not 0 < self.learning_rate < math.inf:
            raise InvalidParameter(f"learning_rate of the clip norm is {self.learning_rate}; give one above 0")
        if not 0 < self.count_noise < math.inf:
            raise InvalidParameter(f"count_noise is {self.count_noise}; give a finite number above 0")
        if not 0 <= self.least <= self.clip_norm <= self.most:
            raise InvalidParameter(
                f"least is {self.least} and most {self.most}; give bounds around the first clip norm, {self.clip_norm}"
            )

    @property
    def further_answers(self) -> int:
        return 1

    def gradient_noise(self, noise_multiplier: float) -> float:
        """Squared inverse multipliers of gradient and count add up to that of the step."""
        left = noise_multiplier**-2 - (self.count_noise / COUNT_SENSITIVITY) ** -2
        if left <= 0:
            raise InvalidParameter(
                f"count_noise is {self.count_noise}; with a noise multiplier of {noise_multiplier:g} the count alone "
                f"would cost more than the step: give more than {noise_multiplier * COUNT_SENSITIVITY:g}"
            )
        return float(left**-0.5)

    def start(self) -> AdaptiveClipper:
        return AdaptiveClipper(self)


class AdaptiveClipper(FlatClipper):
    """Adaptive clipping at work: counts over the pieces of a batch, then moves."""

    def __init__(self, rule: AdaptiveClipping) -> None:
        super().__init__(float(rule.clip_norm))
        self._rule = rule
        self._count = 0.0

    def clip(self, watch: Watch, *, scale: float, units: Tensor | None) -> ClippedSum:
        found = super().clip(watch, scale=scale, units=units)
        # A norm that is no number is above every clip norm.
        self._count += float((found.norms <= self.clip_norm).sum()) - COUNT_SENSITIVITY * len(found.norms)
        return found

    def begin(self) -> None:
        self._count = 0.0

    def answers(self) -> list[float]:
        return [self._count / self._rule.count_noise]

    def after_step(self, noisy: Tensor, *, expected_units: float) -> None:
        share = min(1.0, max(0.0, self._rule.count_noise * float(noisy[0]) / expected_units + 0.5))
        self._count = 0.0
        moved = self.clip_norm * math.exp(-self._rule.learning_rate * (share - self._rule.quantile))
        self.clip_norm = min(max(moved, self._rule.least), self._rule.most)

    def state_dict(self) -> dict[str, Any]:
        return {"clip_norm": self.clip_norm, "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.clip_norm, self._count = float(state["clip_norm"]), float(state["count"])
