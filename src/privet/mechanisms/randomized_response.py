"""Each row's category told truthfully or at random: the rows themselves may leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.events import Event, PureLoss
from privet.core.exact import exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.protocols import NoiseSource
from privet.mechanisms._terms import Law, check_terms, integers, same, whole_number
from privet.noise.exponential import exp_bounds

_WORD = 2**64
_SMALLEST_EPSILON = Fraction(1, 2**20)
_MOST_CATEGORIES = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomizedResponse:
    """k-ary randomised response: each row keeps its category with the larger chance, else gets any other alike.

    ``query`` maps the data to one integer code in 0 ... categories - 1 for each row; codes outside are moved to the
    nearer end. ``epsilon`` is for a whole unit: each of its at most ``unit.max_rows`` rows gets an equal part.

    Guarantee: epsilon-DP for ``unit`` under ``relation``; the number of rows is public, so ADD_OR_REMOVE is refused.
    Where each unit runs it on its own row, no collector is trusted. Exact integer arithmetic.
    Errors: InvalidParameter.
    Reference: Warner 1965; Kairouz, Bonawitz & Ramage 2016, section 4.1; proof in docs/proofs/randomized_response.md.

    >>> example().event
    PureLoss(epsilon=Fraction(1, 1))
    """

    scale_field: ClassVar[str] = "epsilon"

    name: str
    unit: PrivacyUnit
    relation: Relation
    query: Callable[[Any], Any]
    categories: int
    epsilon: Fraction
    finish: Callable[[Any], Any] = same

    def __post_init__(self) -> None:
        check_terms(name=self.name, unit=self.unit, relation=self.relation, query=self.query)
        object.__setattr__(self, "epsilon", exact(self.epsilon, name="epsilon"))
        if self.relation is Relation.ADD_OR_REMOVE:
            raise InvalidParameter("randomised response shows how many rows there are; use replace-one or zero-out")
        if not 2 <= whole_number(self.categories, name="categories") <= _MOST_CATEGORIES:
            raise InvalidParameter(f"categories is {self.categories}; give a whole number from 2 to {_MOST_CATEGORIES}")
        if self._row_epsilon < _SMALLEST_EPSILON:
            raise InvalidParameter(f"epsilon is {self.epsilon}; give at least 2**-20 for each row of a unit")

    @property
    def _row_epsilon(self) -> Fraction:
        return self.epsilon / self.unit.max_rows

    @property
    def event(self) -> Event:
        return PureLoss(self.epsilon)

    @property
    def draws(self) -> int:
        return 1

    def cells(self) -> tuple[int, int]:
        """Out of 2**64 words, how many keep the category, and how many give each other one.

        The second is rounded up, so keep / other < exp(epsilon) exactly.
        """
        _, high = exp_bounds(self._row_epsilon, bits=160)
        growth = Fraction(1 << 160, high)  # at most exp(epsilon)
        other = _WORD // (growth + self.categories - 1) + 1
        return _WORD - other * (self.categories - 1), other

    def apply(self, value: Any, noise: NoiseSource) -> Any:
        """One reported code for each row."""
        truth = np.clip(integers(self.query(value)), 0, self.categories - 1)
        words = np.frombuffer(noise.random_bytes(8 * truth.size), dtype=np.uint64).reshape(truth.shape)
        keep, other = self.cells()
        lied = words >= np.uint64(keep)
        step = ((words - np.uint64(keep)) // np.uint64(other)).astype(np.int64)
        # Lies are numbered without the truth: those from the truth on move up by one.
        return self.finish(np.where(lied, step + (step >= truth), truth))

    def law(self) -> Law:
        """Distribution of the reported code of a row whose true code is 0."""
        keep, other = self.cells()
        cumulative = np.cumsum([keep / _WORD] + [other / _WORD] * (self.categories - 1))

        def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
            at = np.floor(x).astype(np.intp)
            return np.where(at < 0, 0.0, cumulative[np.clip(at, 0, self.categories - 1)])

        return Law(cdf, discrete=True)


MECHANISM = RandomizedResponse


def example() -> RandomizedResponse:
    """A mechanism on vectors of codes, for the contract suite."""
    return RandomizedResponse(
        name="example",
        unit=PrivacyUnit("person"),
        relation=Relation.REPLACE_ONE,
        query=same,
        categories=4,
        epsilon=Fraction(1),
    )
