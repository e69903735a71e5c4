"""Where noise enters, and which event results: sample-level privacy inside each site."""

from __future__ import annotations

from dataclasses import dataclass

from privet.core.errors import InvalidParameter
from privet.core.events import Event
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.units import ClipNorm, NoiseMultiplier
from privet.training.plan import FullBatchPlan, step_events


@dataclass(frozen=True, slots=True)
class FederatedPlan:
    """One claim for a whole federated job in which every local step at every site is noised at the site.

    Guarantee: for one unit, held by exactly one site, under ``relation``: each local step is a Gaussian mechanism on
    that site's clipped sum, so the job is ``rounds * local_steps`` Gaussian steps for the site that holds it and
    nothing for the others (parallel composition over disjoint sites, McSherry 2009, Theorem 4).
    Trust model: each site trusts itself alone. The server, the other sites and whoever reads the messages are not
    trusted: every update is private before it leaves its site, even if the masks of the secure sum were broken.
    ``shares`` are the public shares of the units that the sites hold; they weigh the updates.
    Errors: InvalidParameter under replace-one, where exchanging a unit may touch two sites.
    """

    name: str
    unit: PrivacyUnit
    relation: Relation
    clip_norm: ClipNorm
    noise_multiplier: NoiseMultiplier
    rounds: int
    local_steps: int
    expected_units: float
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip_norm", ClipNorm(self.clip_norm))
        object.__setattr__(self, "noise_multiplier", NoiseMultiplier(self.noise_multiplier))
        if self.relation is Relation.REPLACE_ONE:
            raise InvalidParameter(
                "federated training is priced for one site a unit; under replace-one a unit may move between two. "
                f"Use an account under {Relation.ADD_OR_REMOVE}"
            )
        if min(self.rounds, self.local_steps) < 1:
            raise InvalidParameter(f"rounds is {self.rounds} and local_steps {self.local_steps}; give at least 1 each")
        if len(self.shares) < 2 or min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise InvalidParameter("shares must be at least two public numbers above 0 that add up to 1")

    @property
    def steps(self) -> int:
        return self.rounds * self.local_steps

    @property
    def draws_per_step(self) -> int:
        """One draw at every site."""
        return len(self.shares)

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(f"site-{number + 1}" for number in range(len(self.shares)))

    def event_after(self, steps: int) -> Event:
        return step_events(self.noise_multiplier, steps=steps)

    def site_plan(self, number: int) -> FullBatchPlan:
        """The plan that one site follows."""
        return FullBatchPlan(
            name=f"{self.name}, {self.sites[number]}",
            unit=self.unit,
            relation=self.relation,
            clip_norm=self.clip_norm,
            noise_multiplier=self.noise_multiplier,
            steps=self.steps,
            expected_units=self.expected_units * self.shares[number],
        )
