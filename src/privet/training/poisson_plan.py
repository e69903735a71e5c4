"""The plan of DP-SGD: sampler, clipping, noise and event made together, so that what runs is what is accounted."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from privet.core.errors import InvalidParameter
from privet.core.events import Event, Gaussian, NoRelease, PoissonSampled, Repeated
from privet.core.exact import exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.units import ClipNorm, NoiseMultiplier, NoiseStddev


@dataclass(frozen=True, slots=True)
class PoissonPlan:
    """Noisy gradient steps, each on a Poisson sample of the units.

    Guarantee: each step is a Gaussian mechanism on a sum of per-unit gradients of norm at most ``clip_norm``, over a
    sample in which each unit is with probability ``sampling_rate``; steps compose adaptively.
    ``expected_batch_size`` is a public constant by which the noisy sum is divided; the true size of a batch is private.
    Errors: InvalidParameter under replace-one, where the price of Poisson sampling is not proven.
    Reference: Abadi et al. 2016; Mironov, Talwar & Zhang 2019; Zhu, Dong & Wang 2022.
    """

    name: str
    unit: PrivacyUnit
    relation: Relation
    clip_norm: ClipNorm
    noise_multiplier: NoiseMultiplier
    sampling_rate: Fraction
    steps: int
    expected_batch_size: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip_norm", ClipNorm(self.clip_norm))
        object.__setattr__(self, "noise_multiplier", NoiseMultiplier(self.noise_multiplier))
        object.__setattr__(self, "sampling_rate", exact(self.sampling_rate, name="sampling_rate"))
        if not 0 < self.sampling_rate <= 1:
            raise InvalidParameter(f"sampling_rate is {float(self.sampling_rate)}; give a number above 0 and at most 1")
        if self.relation is Relation.REPLACE_ONE:
            raise InvalidParameter(
                f"Poisson sampling is not priced under {self.relation}; use {Relation.ADD_OR_REMOVE} or "
                f"{Relation.ZERO_OUT}"
            )
        if self.steps < 1:
            raise InvalidParameter(f"steps is {self.steps}; give a whole number of at least 1")
        if not self.expected_batch_size > 0:
            raise InvalidParameter(f"expected_batch_size is {self.expected_batch_size}; give a public number above 0")

    @property
    def draws_per_step(self) -> int:
        """A key for the sampler, of which the first step's is used, and the noise."""
        return 2

    @property
    def noise_stddev(self) -> NoiseStddev:
        """Standard deviation of the noise on the clipped sum, in the unit of the gradient."""
        return NoiseStddev(float(self.noise_multiplier) * float(self.clip_norm))

    def event_after(self, steps: int) -> Event:
        return sampled_steps(self.noise_multiplier, sampling_rate=self.sampling_rate, steps=steps)


def sampled_steps(noise_multiplier: float, *, sampling_rate: Fraction, steps: int) -> Event:
    """The event of so many Gaussian steps on Poisson samples; a rate of 1 samples everybody.

    >>> sampled_steps(2.0, sampling_rate=Fraction(1), steps=3)
    Repeated(event=Gaussian(noise_multiplier=Fraction(2, 1)), count=3)
    """
    if not steps:
        return NoRelease()
    step: Event = Gaussian(exact(float(noise_multiplier)))
    return Repeated(step if sampling_rate == 1 else PoissonSampled(sampling_rate, step), steps)
