"""Integer noise with two-sided geometric tails: pure epsilon-DP for counts, sums on a grid and histograms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import DiscreteLaplace, Event
from privet.core.exact import exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.protocols import NoiseSource
from privet.mechanisms._terms import Law, check_terms, integers, like, same, whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteLaplaceMechanism:
    """An integer query plus discrete Laplace noise, P(x) proportional to exp(-|x| / scale) on each coordinate.

    ``query`` maps the data to an int or an integer array whose shape is public. ``sensitivity`` bounds the L1 distance
    between its answers on neighbours; ``scale`` is in the same unit. ``finish`` works on the noisy answer only.

    Guarantee: epsilon-DP with epsilon = sensitivity / scale for ``unit`` under ``relation``, if ``sensitivity`` is
    right; whoever runs ``apply`` is trusted. Exact arithmetic: no floating-point number is involved.
    Errors: InvalidParameter.
    Reference: Ghosh, Roughgarden & Sundararajan 2012; proof in docs/proofs/discrete_laplace.md.

    >>> count = DiscreteLaplaceMechanism(name="people", unit=PrivacyUnit("person"), relation=Relation.ADD_OR_REMOVE,
    ...                                  query=len, sensitivity=1, scale=Fraction(2))
    >>> count.event
    DiscreteLaplace(scale=Fraction(2, 1), sensitivity=1)
    """

    scale_field: ClassVar[str] = "scale"

    name: str
    unit: PrivacyUnit
    relation: Relation
    query: Callable[[Any], Any]
    sensitivity: int
    scale: Fraction
    finish: Callable[[Any], Any] = same

    def __post_init__(self) -> None:
        check_terms(name=self.name, unit=self.unit, relation=self.relation, query=self.query)
        object.__setattr__(self, "sensitivity", whole_number(self.sensitivity, name="sensitivity"))
        object.__setattr__(self, "scale", exact(self.scale, name="scale"))
        if self.scale <= 0:
            raise InvalidParameter(f"scale is {self.scale}; give a number above 0")

    @property
    def event(self) -> Event:
        return DiscreteLaplace(self.scale, self.sensitivity)

    @property
    def draws(self) -> int:
        return 1

    def apply(self, value: Any, noise: NoiseSource) -> Any:
        """The query's answer with noise on it."""
        answer = integers(self.query(value))
        drawn = noise.discrete_laplace(scale=self.scale, size=answer.size)
        return self.finish(like(answer + drawn.reshape(answer.shape)))

    def law(self) -> Law:
        """Distribution of one coordinate around its true value."""
        rate = 1 / float(self.scale)

        def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
            # Sum of the geometric series; both branches agree at -1 and 0.
            k = np.floor(x)
            total = 1 + math.exp(-rate)
            below = np.exp(rate * np.minimum(k, 0)) / total
            above = 1 - np.exp(-rate * (np.maximum(k, 0) + 1)) / total
            return np.where(k < 0, below, above)

        return Law(cdf, discrete=True)


MECHANISM = DiscreteLaplaceMechanism


def example() -> DiscreteLaplaceMechanism:
    """A mechanism on integer vectors, for the contract suite."""
    return DiscreteLaplaceMechanism(
        name="example",
        unit=PrivacyUnit("person"),
        relation=Relation.ADD_OR_REMOVE,
        query=same,
        sensitivity=2,
        scale=Fraction(10, 3),
    )
