"""What all mechanisms check at birth, and how an integer answer meets integer noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation

# Answers and draws within +-2**62 have sums that fit 64 bits.
LARGEST_ANSWER = 2**62


@dataclass(frozen=True, slots=True)
class Law:
    """Distribution of one released coordinate when the true answer is 0.

    ``cdf(x)`` is P(output <= x) for an array x; ``discrete`` says that outputs are whole numbers.
    """

    cdf: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    discrete: bool


def same(answer: Any) -> Any:
    """The answer itself."""
    return answer


def check_terms(*, name: str, unit: PrivacyUnit, relation: Relation, query: Callable[..., Any]) -> None:
    """Refuse a mechanism that does not say what it is and whom it protects.

    Errors: InvalidParameter.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidParameter("a mechanism has no name; the ledger needs one to show")
    if not isinstance(unit, PrivacyUnit):
        raise InvalidParameter(f"unit is a {type(unit).__name__}; give a PrivacyUnit")
    if not isinstance(relation, Relation):
        raise InvalidParameter(f"relation is a {type(relation).__name__}; give a Relation")
    if not callable(query):
        raise InvalidParameter(f"query is a {type(query).__name__}; give a function of the data")


def whole_number(value: Any, *, name: str) -> int:
    """A whole number of at least 1.

    Errors: InvalidParameter.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidParameter(f"{name} is {value!r}; give a whole number of at least 1")
    return int(value)


def integers(answer: Any) -> NDArray[np.int64]:
    """A query's answer as 64-bit integers, moved into +-2**62.

    Moving to a fixed range never takes two answers further apart, so the sensitivity holds.
    Errors: InvalidParameter if the query did not return whole numbers; nothing of the answer is shown.
    """
    if isinstance(answer, int):
        answer = max(-LARGEST_ANSWER, min(LARGEST_ANSWER, answer))
    array = np.asarray(answer)
    if array.dtype.kind not in "iu":
        raise InvalidParameter("the query of an integer mechanism returned no integers; round onto a grid first")
    if array.dtype == np.uint64:
        array = np.minimum(array, np.uint64(LARGEST_ANSWER))
    return np.clip(array.astype(np.int64), -LARGEST_ANSWER, LARGEST_ANSWER)


def like(answer: NDArray[np.int64]) -> int | NDArray[np.int64]:
    """A plain int for a single number, else the array."""
    return int(answer) if answer.ndim == 0 else answer
