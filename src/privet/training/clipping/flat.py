"""Flat clipping: one norm over all parameters together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from privet.core.units import ClipNorm
from privet.training.clipping.units import sum_by_unit
from privet.training.per_example.clipping import ClippedSum, clip_factors
from privet.training.per_example.watch import Watch


@dataclass(frozen=True, slots=True)
class FlatClipping:
    """Scale each unit's gradient down to a norm of at most ``clip_norm``.

    Guarantee: one unit changes the sum by at most ``clip_norm`` in L2 norm, whatever it holds.
    Units: ``clip_norm`` in that of the gradient.
    Errors: InvalidParameter. Reference: Abadi et al. 2016, Algorithm 1.

    >>> FlatClipping(1.0).start().clip_norm
    1.0
    """

    clip_norm: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip_norm", ClipNorm(self.clip_norm))

    @property
    def further_answers(self) -> int:
        return 0

    def gradient_noise(self, noise_multiplier: float) -> float:
        return noise_multiplier

    def start(self) -> FlatClipper:
        return FlatClipper(float(self.clip_norm))


class FlatClipper:
    """Flat clipping at work."""

    def __init__(self, clip_norm: float) -> None:
        self.clip_norm = clip_norm

    def factors(self, norms: Tensor) -> Tensor:
        """What each gradient is multiplied by. Shapes: (B,) to (B,)."""
        return clip_factors(norms, clip_norm=self.clip_norm)

    def clip(self, watch: Watch, *, scale: float, units: Tensor | None) -> ClippedSum:
        if units is None:
            return watch.factored_sum(self.factors, scale=scale)
        return sum_by_unit(watch.gradients(), units, self.factors, scale=scale)

    def begin(self) -> None:
        """A fixed norm remembers nothing."""

    def answers(self) -> list[float]:
        return []

    def after_step(self, noisy: Tensor, *, expected_units: float) -> None:
        """A fixed norm learns nothing."""

    def state_dict(self) -> dict[str, Any]:
        return {"clip_norm": self.clip_norm}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.clip_norm = float(state["clip_norm"])
