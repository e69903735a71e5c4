"""Mechanisms and plans for tests of the gate: simple, honest about their events, and easy to break on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from privet.core.events import DiscreteLaplace, Event, Gaussian, NotPrivate, Repeated
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.protocols import NoiseSource

PERSON = PrivacyUnit("person")


@dataclass(frozen=True)
class NoisyLength:
    """Number of rows plus discrete Laplace noise of the given epsilon."""

    epsilon: Fraction
    name: str = "noisy length"
    unit: PrivacyUnit = PERSON
    relation: Relation = Relation.ADD_OR_REMOVE
    draws: int = 1
    calls: int = 1
    before: Callable[[], None] = field(default=lambda: None)

    @property
    def event(self) -> Event:
        return DiscreteLaplace(1 / self.epsilon, 1)

    def apply(self, value: Any, noise: NoiseSource) -> int:
        self.before()
        total = len(value)
        for _ in range(self.calls):
            total += int(noise.discrete_laplace(scale=1 / self.epsilon, size=1)[0])
        return total


@dataclass(frozen=True)
class Unbounded:
    """Hands the data out as they are."""

    name: str = "plain table"
    unit: PrivacyUnit = PERSON
    relation: Relation = Relation.ADD_OR_REMOVE
    draws: int = 0

    @property
    def event(self) -> Event:
        return NotPrivate("a plain table for a test")

    def apply(self, value: Any, noise: NoiseSource) -> Any:
        return value


@dataclass(frozen=True)
class NoisySteps:
    """A plan of Gaussian steps."""

    steps: int = 10
    noise_multiplier: float = 10.0
    draws_per_step: int = 1
    name: str = "noisy steps"
    unit: PrivacyUnit = PERSON
    relation: Relation = Relation.ADD_OR_REMOVE

    def event_after(self, steps: int) -> Event:
        return Repeated(Gaussian(self.noise_multiplier), steps)
