"""The noise of a plan's steps: fresh in each, or correlated between them so that it cancels in the sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from privet.core.errors import InvalidParameter
from privet.core.events import Composed, Event, Gaussian, NoRelease
from privet.core.exact import exact
from privet.core.units import NoiseMultiplier
from privet.training.sampling import Sampling
from privet.training.schedules import Constant, Schedule, runs


class StepNoise(Protocol):
    """Noise at work: turns a step's fresh standard normal draws into its noise, still of the stated multiplier."""

    def next(self, fresh: Tensor) -> Tensor: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class NoiseLaw(Protocol):
    """How much noise the steps have and what all of them cost together."""

    def require(self, sampling: Sampling, *, steps: int) -> None:
        """Raise InvalidParameter where this noise has no price on this sampling."""
        ...

    def multiplier(self, step: int) -> float:
        """Noise multiplier of a step."""
        ...

    def scale(self, sampling: Sampling, *, steps: int) -> float:
        """What fresh noise is multiplied by beside multiplier and sensitivity of one step."""
        ...

    def event(self, sampling: Sampling, *, steps: int) -> Event: ...

    def start(self, size: int, *, device: Any) -> StepNoise: ...


@dataclass(frozen=True, slots=True)
class IndependentNoise:
    """Fresh Gaussian noise in every step, of a constant or scheduled multiplier.

    Guarantee: the steps compose adaptively; each is a Gaussian mechanism of the step's multiplier on its sample.
    A schedule is fixed before the first step, so ordinary composition holds.
    Errors: InvalidParameter. Reference: Abadi et al. 2016.

    >>> IndependentNoise(1.5).multiplier(7)
    1.5
    """

    noise_multiplier: float | Schedule

    def __post_init__(self) -> None:
        given = self.noise_multiplier
        if isinstance(given, (int, float)):
            object.__setattr__(self, "noise_multiplier", Constant(float(NoiseMultiplier(given))))
        elif not hasattr(given, "at"):
            raise InvalidParameter(f"noise_multiplier is a {type(given).__name__}; give a number or a schedule")

    @property
    def schedule(self) -> Schedule:
        if isinstance(self.noise_multiplier, (int, float)):
            return Constant(self.noise_multiplier)
        return self.noise_multiplier

    def require(self, sampling: Sampling, *, steps: int) -> None:
        values = runs(self.schedule, steps)
        for value, _ in values:
            NoiseMultiplier(value)
        if len(values) > 1 and remembers(sampling, steps):
            raise InvalidParameter(
                f"a noise schedule on {type(sampling).__name__} has no price, because units are drawn for a whole "
                "epoch; keep the noise constant, or use Poisson sampling"
            )

    def multiplier(self, step: int) -> float:
        return self.noise_multiplier.at(step)  # type: ignore[union-attr]  # a number has become a schedule

    def scale(self, sampling: Sampling, *, steps: int) -> float:
        return 1.0

    def event(self, sampling: Sampling, *, steps: int) -> Event:
        parts = [sampling.event(Gaussian(exact(value)), steps=count) for value, count in runs(self.schedule, steps)]
        return NoRelease() if not parts else parts[0] if len(parts) == 1 else Composed(parts)

    def start(self, size: int, *, device: Any) -> FreshNoise:
        return FreshNoise()


class FreshNoise:
    """Independent noise at work: what is drawn is what is used."""

    def next(self, fresh: Tensor) -> Tensor:
        return fresh

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is nothing to remember."""


def remembers(sampling: Sampling, steps: int) -> bool:
    """Whether a step's batch depends on those of the steps before."""
    taken = sampling.participation(steps)
    return taken is not None and taken != (steps, 1)


def law_of(noise: float | Schedule | NoiseLaw) -> NoiseLaw:
    """A noise law as it is; a multiplier or a schedule of them as independent noise."""
    return IndependentNoise(noise) if isinstance(noise, (int, float, Schedule)) else noise
