"""The plan of private training: sampler, clipping, noise and event made together, so that what runs is accounted."""

from __future__ import annotations

from dataclasses import dataclass

from privet.core.errors import InvalidParameter
from privet.core.events import Event, NoRelease
from privet.core.neighbours import PrivacyUnit, Relation
from privet.training.clipping import Clipping
from privet.training.noise_law import NoiseLaw
from privet.training.sampling import Sampling


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Noisy gradient steps: who takes part, how far one unit may move a step, and how much noise hides it.

    Guarantee: each step adds Gaussian noise to a sum of gradients that one unit changes by at most the clip norm (twice
    it where a unit is exchanged for another); ``event_after`` is what the steps so far cost under ``relation``,
    by the proofs of ``sampling`` and ``noise``. The noisy sum is divided by the expected number of units of a step, a
    public constant; the true size of a batch stays private. The holder of the data is trusted.
    Errors: InvalidParameter where sampling, noise and relation have no price together.
    Reference: Abadi et al. 2016; the parts cite their own.
    """

    name: str
    unit: PrivacyUnit
    relation: Relation
    sampling: Sampling
    clipping: Clipping
    noise: NoiseLaw
    steps: int

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidParameter(f"steps is {self.steps}; give a whole number of at least 1")
        self.sampling.require(self.relation)
        self.noise.require(self.sampling, steps=self.steps)
        if self.clipping.further_answers and self.noise.scale(self.sampling, steps=self.steps) != 1:
            raise InvalidParameter(
                f"{type(self.clipping).__name__} releases more than gradients, which is not priced under correlated "
                "noise; use FlatClipping or AutomaticClipping"
            )
        self.gradient_stddev(0, clip_norm=1.0)

    @property
    def draws_per_step(self) -> int:
        """A key for the sampler, of which the first step's is used, and the noise."""
        return 2

    @property
    def expected_batch_size(self) -> float:
        return self.sampling.expected_batch_size

    def event_after(self, steps: int) -> Event:
        return self.noise.event(self.sampling, steps=steps) if steps else NoRelease()

    def gradient_stddev(self, step: int, *, clip_norm: float) -> float:
        """Standard deviation of a step's fresh noise on the clipped sum, in the unit of the gradient."""
        multiplier = self.clipping.gradient_noise(self.noise.multiplier(step))
        widened = self.noise.scale(self.sampling, steps=self.steps)
        return multiplier * widened * clip_norm * self.relation.sum_sensitivity_factor
