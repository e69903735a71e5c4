"""Automatic clipping: every gradient is normalised, so that no clip norm needs tuning."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from privet.core.errors import InvalidParameter
from privet.core.units import ClipNorm
from privet.training.clipping.flat import FlatClipper


@dataclass(frozen=True, slots=True)
class AutomaticClipping:
    """Multiply each unit's gradient by ``clip_norm`` / (its norm + ``stability``).

    Guarantee: one unit changes the sum by less than ``clip_norm`` in L2 norm, whatever it holds.
    ``stability`` keeps small gradients small, without which training need not converge; 0.01 is the authors' choice.
    Units: both in that of the gradient.
    Errors: InvalidParameter. Reference: Bu, Wang, Zha & Karypis 2023, Automatic Clipping, Algorithm 1.

    >>> import torch
    >>> AutomaticClipping(1.0).start().factors(torch.tensor([0.99, 99.99]))
    tensor([1.0000, 0.0100])
    """

    clip_norm: float
    stability: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip_norm", ClipNorm(self.clip_norm))
        if not 0 < self.stability < float("inf"):
            raise InvalidParameter(f"stability is {self.stability}; give a finite number above 0")

    @property
    def further_answers(self) -> int:
        return 0

    def gradient_noise(self, noise_multiplier: float) -> float:
        return noise_multiplier

    def start(self) -> AutomaticClipper:
        return AutomaticClipper(float(self.clip_norm), self.stability)


class AutomaticClipper(FlatClipper):
    """Automatic clipping at work."""

    def __init__(self, clip_norm: float, stability: float) -> None:
        super().__init__(clip_norm)
        self._stability = stability

    def factors(self, norms: Tensor) -> Tensor:
        limit = self.clip_norm * (1 - 1e-6)  # rounding of the sums must not carry an example above the clip
        # In this order, so that no factor is too small a number to be rounded well: above the clip again.
        return (norms + self._stability).div_(limit).reciprocal_().nan_to_num_(0.0)
