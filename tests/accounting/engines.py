"""What every accountant must hold to, and the events that all of them are tried on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from privet.accounting.price import epsilon_by_engine
from privet.core.events import (
    ApproxLoss,
    Composed,
    DiscreteGaussian,
    DiscreteLaplace,
    Event,
    Gaussian,
    Laplace,
    PoissonSampled,
    PureLoss,
    Repeated,
)
from privet.core.neighbours import Relation

ADD = Relation.ADD_OR_REMOVE
ENGINES = ("pure", "basic", "gaussian-dp", "zcdp", "renyi", "loss-distribution")

# Families of events: more noise goes with a larger argument.
FAMILIES: dict[str, Callable[[int], Event]] = {
    "gaussian": lambda noise: Gaussian(noise),
    "sampled gaussian": lambda noise: Repeated(PoissonSampled(Fraction(1, 50), Gaussian(noise)), 50),
    "laplace": lambda noise: Repeated(Laplace(noise), 3),
    "discrete laplace": lambda noise: Repeated(DiscreteLaplace(noise, 1), 5),
    "discrete gaussian": lambda noise: DiscreteGaussian(noise * noise, 2),
    "pure": lambda noise: PureLoss(Fraction(1, noise)),
    "approximate": lambda noise: ApproxLoss(Fraction(1, noise), Fraction(1, 10**7)),
    "mixed": lambda noise: Composed([Gaussian(noise), PureLoss(Fraction(1, noise)), DiscreteLaplace(noise, 2)]),
}


def epsilons(event: Event, *, delta: float) -> dict[str, float]:
    return epsilon_by_engine(event, relation=ADD, delta=delta)
