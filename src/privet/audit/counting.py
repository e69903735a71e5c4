"""How success leaves under differential privacy: noisy counts of right answers, for models and for attacks.

An accuracy on real people is a release like any other. These mechanisms count, with exact integer noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.audit.bounds import Interval
from privet.core.errors import InvalidParameter
from privet.core.events import DiscreteLaplace, Event
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.protocols import NoiseSource


@dataclass(frozen=True, slots=True)
class CountRightAnswers:
    """Counts rows, and for each of several judges the rows it got right, with discrete Laplace noise.

    Guarantee: ``epsilon``-DP for one unit with at most ``unit.max_rows`` rows under ``relation``: a row changes the
    total and every judge's count by at most one each, so the L1 sensitivity of the counts is
    (judges + 1) * max_rows, twice that if a unit is exchanged.
    Shapes: ``answers(data)`` gives booleans (judges, rows).
    Reference: Ghosh, Roughgarden & Sundararajan 2012, Theorem 3.1 (geometric mechanism), applied to a vector.
    """

    name: str
    unit: PrivacyUnit
    relation: Relation
    epsilon: Fraction
    judges: tuple[str, ...]
    answers: Callable[[Any], NDArray[np.bool_]]
    draws: int = 1

    def __post_init__(self) -> None:
        if self.epsilon <= 0:
            raise InvalidParameter(f"epsilon of {self.name!r} is {float(self.epsilon)}; give a number above 0")
        if not self.judges:
            raise InvalidParameter(f"{self.name!r} has nobody to judge; name at least one")

    @property
    def sensitivity(self) -> int:
        """L1 sensitivity of the vector of counts."""
        return (len(self.judges) + 1) * self.unit.max_rows * self.relation.sum_sensitivity_factor

    @property
    def scale(self) -> Fraction:
        return Fraction(self.sensitivity) / self.epsilon

    @property
    def event(self) -> Event:
        return DiscreteLaplace(self.scale, self.sensitivity)

    def counts(self, data: Any) -> NDArray[np.int64]:
        """The exact counts: rows, then right answers of each judge. Private."""
        right = np.asarray(self.answers(data), dtype=bool)
        if right.ndim != 2 or len(right) != len(self.judges):
            raise InvalidParameter(f"{self.name!r} has {len(self.judges)} judges; give answers of that many rows")
        return np.asarray([right.shape[1], *right.sum(axis=1)], dtype=np.int64)

    def apply(self, value: Any, noise: NoiseSource) -> dict[str, int]:
        noisy = self.counts(value) + noise.discrete_laplace(scale=self.scale, size=len(self.judges) + 1)
        return {"rows": int(noisy[0]), **{name: int(count) for name, count in zip(self.judges, noisy[1:], strict=True)}}


def accuracy(released: dict[str, int], *, judge: str, scale: float, level: float = 0.95) -> Interval:
    """The accuracy that released counts show, with an interval for the noise and for the sampling of rows together.

    Post-processing: costs nothing. The interval adds the tails of both Laplace noises (union bound, half of the error)
    to Wilson's interval (the other half).

    >>> accuracy({"rows": 1000, "model": 700}, judge="model", scale=1.0).value
    0.7
    """
    from scipy.stats import norm

    rows, right = max(1, released["rows"]), released[judge]
    value = min(1.0, max(0.0, right / rows))
    error = 1 - level
    # P(|Laplace| > t) <= exp(-t / scale); two noises share a quarter of the error each.
    reach = scale * float(np.log(4 / error)) * (1 + value) / rows
    z = float(norm.ppf(1 - error / 4))
    centre = (value + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * float(np.sqrt(value * (1 - value) / rows + z * z / (4 * rows * rows)))
    low, high = centre - half - reach, centre + half + reach
    return Interval(value, max(0.0, min(low, value)), min(1.0, max(high, value)), level)
