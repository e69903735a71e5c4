"""One frozen plan: what runs is what is accounted."""

from __future__ import annotations

from dataclasses import dataclass

from privet.core.errors import InvalidParameter
from privet.core.events import Event, Gaussian, NoRelease, Repeated
from privet.core.exact import exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.units import ClipNorm, NoiseMultiplier, NoiseStddev


@dataclass(frozen=True, slots=True)
class FullBatchPlan:
    """Noisy gradient descent in which every unit takes part in every step.

    Guarantee: each step is a Gaussian mechanism on a sum of per-unit gradients of norm at most ``clip_norm``; the
    noise's standard deviation is ``noise_multiplier`` times the L2 sensitivity of that sum under ``relation``. They
    compose adaptively (Dong, Roth & Su 2022, Theorem 4).
    ``expected_units`` is a public constant by which the noisy sum is divided; the true number of units is private.
    """

    name: str
    unit: PrivacyUnit
    relation: Relation
    clip_norm: ClipNorm
    noise_multiplier: NoiseMultiplier
    steps: int
    expected_units: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip_norm", ClipNorm(self.clip_norm))
        object.__setattr__(self, "noise_multiplier", NoiseMultiplier(self.noise_multiplier))
        if self.steps < 1:
            raise InvalidParameter(f"steps is {self.steps}; give a whole number of at least 1")
        if not self.expected_units > 0:
            raise InvalidParameter(f"expected_units is {self.expected_units}; give a public number above 0")

    @property
    def draws_per_step(self) -> int:
        return 1

    @property
    def sensitivity(self) -> float:
        """L2 sensitivity of the clipped sum, in the unit of the gradient."""
        return float(self.clip_norm) * self.relation.sum_sensitivity_factor

    @property
    def noise_stddev(self) -> NoiseStddev:
        """Standard deviation of the noise on the clipped sum, in the unit of the gradient."""
        return NoiseStddev(float(self.noise_multiplier) * self.sensitivity)

    def event_after(self, steps: int) -> Event:
        return step_events(self.noise_multiplier, steps=steps)


def step_events(noise_multiplier: float, *, steps: int) -> Event:
    """The event of so many Gaussian steps.

    >>> step_events(2.0, steps=0)
    NoRelease()
    """
    return Repeated(Gaussian(exact(float(noise_multiplier))), steps) if steps else NoRelease()
