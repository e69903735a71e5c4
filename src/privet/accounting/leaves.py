"""An event as accountants read it: basic mechanisms and how often each was used, checked before any is counted."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, assert_never

from privet.accounting.truncation import Truncation, truncation
from privet.core.errors import UnsupportedEvent
from privet.core.events import (
    ApproxLoss,
    Composed,
    DiscreteGaussian,
    DiscreteLaplace,
    Event,
    Gaussian,
    Laplace,
    NoRelease,
    NotPrivate,
    PoissonSampled,
    PureLoss,
    RandomlyAllocated,
    Repeated,
    TruncatedPoissonSampled,
)
from privet.core.neighbours import Relation


@dataclass(frozen=True, slots=True)
class PureLeaf:
    """Some epsilon-DP mechanism; ``exact`` is its epsilon, or None after sampling, where it is no rational."""

    epsilon: float
    exact: Fraction | None


@dataclass(frozen=True, slots=True)
class ApproxLeaf:
    """Some (epsilon, delta)-DP mechanism."""

    epsilon: Fraction
    delta: Fraction


@dataclass(frozen=True, slots=True)
class GaussianLeaf:
    """Gaussian noise of ``sigma`` times the sensitivity, on a Poisson sample of ``rate`` (1: everybody)."""

    sigma: float
    rate: float


@dataclass(frozen=True, slots=True)
class TruncatedLeaf:
    """Gaussian noise of ``sigma`` times the sensitivity on a Poisson sample of ``rate`` that is cut where too large."""

    sigma: float
    rate: float
    cut: Truncation


@dataclass(frozen=True, slots=True)
class AllocatedLeaf:
    """Gaussian noise of ``sigma`` times the sensitivity in each of ``steps``, one of which a unit takes part in."""

    sigma: float
    steps: int


@dataclass(frozen=True, slots=True)
class DiscreteGaussianLeaf:
    """Discrete Gaussian noise: rho-zCDP with ``rho`` = squared sensitivity / (2 variance)."""

    rho: Fraction


Leaf: TypeAlias = PureLeaf | ApproxLeaf | GaussianLeaf | TruncatedLeaf | AllocatedLeaf | DiscreteGaussianLeaf


def leaves_of(event: Event, *, relation: Relation) -> Counter[Leaf] | None:
    """How often each basic mechanism of an event is used; None if some part of it has no guarantee at all.

    Errors: UnsupportedEvent if some part cannot be soundly priced under ``relation``.
    """
    found: Counter[Leaf] = Counter()
    bounded = _collect(event, relation, 1, found)
    return found if bounded else None


def _collect(event: Event, relation: Relation, times: int, found: Counter[Leaf]) -> bool:
    if isinstance(event, NotPrivate):
        return times == 0
    if isinstance(event, NoRelease):
        return True
    if isinstance(event, Composed):
        # Every part is looked at, so that an unsupported one is refused even beside one without guarantee.
        bounded = [_collect(part, relation, times, found) for part in event.events]
        return all(bounded)
    if isinstance(event, Repeated):
        return _collect(event.event, relation, times * event.count, found)
    leaf = _sampled(event, relation) if isinstance(event, _SAMPLED) else _leaf(event)
    if times:
        found[leaf] += times
    return True


def _leaf(event: PureLoss | ApproxLoss | Laplace | Gaussian | DiscreteLaplace | DiscreteGaussian) -> Leaf:
    if isinstance(event, PureLoss):
        return PureLeaf(float(event.epsilon), event.epsilon)
    if isinstance(event, ApproxLoss):
        return ApproxLeaf(event.epsilon, event.delta)
    if isinstance(event, Laplace):
        return PureLeaf(float(1 / event.noise_multiplier), 1 / event.noise_multiplier)
    if isinstance(event, Gaussian):
        return GaussianLeaf(float(event.noise_multiplier), 1.0)
    if isinstance(event, DiscreteLaplace):
        # For sensitivity 1 there are only two likelihood ratios, so the worst pure mechanism is not pessimistic.
        return PureLeaf(float(event.sensitivity / event.scale), event.sensitivity / event.scale)
    if isinstance(event, DiscreteGaussian):
        return DiscreteGaussianLeaf(event.squared_sensitivity / (2 * event.variance))
    assert_never(event)


_SAMPLED = (PoissonSampled, TruncatedPoissonSampled, RandomlyAllocated)
_NAMES = {
    PoissonSampled: "Poisson sampling",
    TruncatedPoissonSampled: "truncated Poisson sampling",
    RandomlyAllocated: "random allocation",
}


def _sampled(event: PoissonSampled | TruncatedPoissonSampled | RandomlyAllocated, relation: Relation) -> Leaf:
    name, inner = _NAMES[type(event)], event.event
    if relation is Relation.REPLACE_ONE:
        raise UnsupportedEvent(f"{name} is not priced under {relation}; use an account under {Relation.ADD_OR_REMOVE}")
    if isinstance(inner, Gaussian):
        return _sampled_gaussian(event, float(inner.noise_multiplier))
    if isinstance(event, PoissonSampled) and isinstance(inner, (PureLoss, Laplace, DiscreteLaplace)):
        leaf = _leaf(inner)
        if not isinstance(leaf, PureLeaf):
            raise UnsupportedEvent("a pure mechanism was expected")
        # Amplification by sampling: Balle, Barthe & Gaboardi 2018, Theorem 8, at delta 0.
        return PureLeaf(math.log1p(float(event.rate) * math.expm1(leaf.epsilon)), None)
    takes = "Gaussian or pure mechanisms" if isinstance(event, PoissonSampled) else "Gaussian mechanisms"
    raise UnsupportedEvent(f"{name} of {type(inner).__name__} is not priced; sample {takes}, one by one")


def _sampled_gaussian(event: PoissonSampled | TruncatedPoissonSampled | RandomlyAllocated, sigma: float) -> Leaf:
    """The law of the sample; where it takes everybody once, or is never cut, it is the simpler one."""
    if isinstance(event, RandomlyAllocated):
        return GaussianLeaf(sigma, 1.0) if event.steps == 1 else AllocatedLeaf(sigma, event.steps)
    rate = float(event.rate)
    if isinstance(event, PoissonSampled) or event.most >= event.units:
        return GaussianLeaf(sigma, rate)
    return TruncatedLeaf(sigma, rate, truncation(rate, units=event.units, most=event.most))
