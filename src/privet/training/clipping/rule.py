"""What a kind of clipping is: a frozen part of the plan, and the clipper that works by it."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from privet.training.per_example.clipping import ClippedSum
from privet.training.per_example.watch import Watch


class Clipper(Protocol):
    """Clipping at work; may change its norm from step to step by what was released, never by what was not."""

    clip_norm: float

    def clip(self, watch: Watch, *, scale: float, units: Tensor | None) -> ClippedSum:
        """Sum of the recorded gradients by unit, each within ``clip_norm`` over all parameters together.

        ``scale`` turns recorded gradients into those of single losses. ``units`` numbers the unit of each example from
        0 on, without gaps; None where each example is a unit of its own.
        """
        ...

    def begin(self) -> None:
        """A new batch comes: forget what pieces of an unfinished one told."""
        ...

    def answers(self) -> list[float]:
        """The ``further_answers`` for what was clipped since ``begin``, each over the deviation of its noise."""
        ...

    def after_step(self, noisy: Tensor, *, expected_units: float) -> None:
        """Learn from a step: ``noisy`` are the answers of all that took part, with noise of deviation 1."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Clipping(Protocol):
    """A kind of clipping, frozen: its Guarantee is that of ``Clipper.clip``."""

    @property
    def further_answers(self) -> int:
        """Numbers released in each step beside the gradient, out of the same draw of noise."""
        ...

    def gradient_noise(self, noise_multiplier: float) -> float:
        """Noise on the gradient, over its sensitivity, so that the whole step has the stated noise multiplier."""
        ...

    def start(self) -> Clipper: ...
