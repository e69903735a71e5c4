"""Floating-point Gaussian noise: for training and other work that lives in floating point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from privet.core.errors import InvalidParameter
from privet.core.events import Event, Gaussian
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.protocols import NoiseSource
from privet.core.units import NoiseMultiplier
from privet.mechanisms._terms import Law, check_terms, same


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianMechanism:
    """A real query plus normal noise of standard deviation ``noise_multiplier * sensitivity`` on each coordinate.

    ``query`` maps the data to a number or array of public shape; ``sensitivity`` bounds the L2 distance between its
    answers on neighbours, in the query's unit. ``finish`` works on the noisy answer only.

    Guarantee: (1 / noise_multiplier)-GDP for ``unit`` under ``relation`` over the real numbers; the run is in double
    precision, so this is an approximation (docs/decisions/002-floating-point-noise.md). For released statistics
    use the discrete Gaussian on a grid.
    Errors: InvalidParameter.
    Reference: Dong, Roth & Su 2022, Theorem 1; proof in docs/proofs/gaussian.md.

    >>> example().event, example().noise_stddev
    (Gaussian(noise_multiplier=Fraction(3, 2)), 3.0)
    """

    scale_field: ClassVar[str] = "noise_multiplier"

    name: str
    unit: PrivacyUnit
    relation: Relation
    query: Callable[[Any], Any]
    sensitivity: float
    noise_multiplier: NoiseMultiplier
    finish: Callable[[Any], Any] = same

    def __post_init__(self) -> None:
        check_terms(name=self.name, unit=self.unit, relation=self.relation, query=self.query)
        object.__setattr__(self, "noise_multiplier", NoiseMultiplier(self.noise_multiplier))
        ordinary = isinstance(self.sensitivity, (int, float)) and not isinstance(self.sensitivity, bool)
        if not ordinary or not math.isfinite(self.sensitivity) or self.sensitivity <= 0:
            raise InvalidParameter(f"sensitivity is {self.sensitivity!r}; give a finite number above 0")
        if not 0 < self.noise_stddev < math.inf:
            raise InvalidParameter("noise_multiplier times sensitivity is no finite number above 0; change the unit")

    @property
    def noise_stddev(self) -> float:
        """In the query's unit."""
        return float(self.noise_multiplier) * self.sensitivity

    @property
    def event(self) -> Event:
        return Gaussian(float(self.noise_multiplier))

    @property
    def draws(self) -> int:
        return 1

    def apply(self, value: Any, noise: NoiseSource) -> Any:
        """The query's answer with noise on it."""
        answer = np.asarray(self.query(value), dtype=np.float64)
        drawn = noise.gaussian(stddev=self.noise_stddev, size=answer.size)
        noisy = answer + drawn.reshape(answer.shape)
        return self.finish(float(noisy) if noisy.ndim == 0 else noisy)

    def law(self) -> Law:
        """Distribution of one coordinate around its true value."""
        stddev = self.noise_stddev

        def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
            probability: NDArray[np.float64] = ndtr(x / stddev)
            return probability

        return Law(cdf, discrete=False)


MECHANISM = GaussianMechanism


def example() -> GaussianMechanism:
    """A mechanism on real vectors, for the contract suite."""
    return GaussianMechanism(
        name="example",
        unit=PrivacyUnit("person"),
        relation=Relation.ADD_OR_REMOVE,
        query=same,
        sensitivity=2.0,
        noise_multiplier=NoiseMultiplier(1.5),
    )
