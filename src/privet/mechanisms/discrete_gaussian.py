"""Integer noise with Gaussian tails: for many counts at once, accounted by zCDP or privacy loss distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import DiscreteGaussian, Event
from privet.core.exact import exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.protocols import NoiseSource
from privet.mechanisms._terms import Law, check_terms, integers, like, same


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteGaussianMechanism:
    """An integer query plus discrete Gaussian noise, P(x) proportional to exp(-x^2 / (2 variance)) on each coordinate.

    ``query`` maps the data to an int or an integer array whose shape is public. ``squared_sensitivity`` bounds the
    squared L2 distance between its answers on neighbours. ``finish`` works on the noisy answer only.

    Guarantee: rho-zCDP with rho = squared_sensitivity / (2 variance) for ``unit`` under ``relation``, if the
    sensitivity is right; whoever runs ``apply`` is trusted. Exact arithmetic.
    Errors: InvalidParameter.
    Reference: Canonne, Kamath & Steinke 2020, Theorem 14; proof in docs/proofs/discrete_gaussian.md.

    >>> example().event
    DiscreteGaussian(variance=Fraction(25, 2), squared_sensitivity=Fraction(2, 1))
    """

    scale_field: ClassVar[str] = "variance"

    name: str
    unit: PrivacyUnit
    relation: Relation
    query: Callable[[Any], Any]
    squared_sensitivity: Fraction
    variance: Fraction
    finish: Callable[[Any], Any] = same

    def __post_init__(self) -> None:
        check_terms(name=self.name, unit=self.unit, relation=self.relation, query=self.query)
        for name in ("squared_sensitivity", "variance"):
            number = exact(getattr(self, name), name=name)
            if number <= 0:
                raise InvalidParameter(f"{name} is {number}; give a number above 0")
            object.__setattr__(self, name, number)

    @property
    def event(self) -> Event:
        return DiscreteGaussian(self.variance, self.squared_sensitivity)

    @property
    def draws(self) -> int:
        return 1

    def apply(self, value: Any, noise: NoiseSource) -> Any:
        """The query's answer with noise on it."""
        answer = integers(self.query(value))
        drawn = noise.discrete_gaussian(variance=self.variance, size=answer.size)
        return self.finish(like(answer + drawn.reshape(answer.shape)))

    def law(self) -> Law:
        """Distribution of one coordinate around its true value."""
        variance = float(self.variance)
        reach = math.ceil(40 * math.sqrt(variance)) + 1
        support = np.arange(-reach, reach + 1, dtype=np.float64)
        mass = np.exp(-(support**2) / (2 * variance))
        cumulative = np.cumsum(mass) / mass.sum()

        def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
            at = np.clip(np.floor(x), -reach, reach).astype(np.intp) + reach
            return np.take(cumulative, at)

        return Law(cdf, discrete=True)


MECHANISM = DiscreteGaussianMechanism


def example() -> DiscreteGaussianMechanism:
    """A mechanism on integer vectors, for the contract suite."""
    return DiscreteGaussianMechanism(
        name="example",
        unit=PrivacyUnit("person"),
        relation=Relation.REPLACE_ONE,
        query=same,
        squared_sensitivity=Fraction(2),
        variance=Fraction(25, 2),
    )
