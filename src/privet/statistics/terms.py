"""How the terms of a statistic become a discrete Laplace mechanism."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from privet.core.errors import InvalidParameter
from privet.core.exact import Real, exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.mechanisms.discrete_laplace import DiscreteLaplaceMechanism


def laplace(
    query: Callable[[Any], Any],
    *,
    name: str,
    sensitivity: int,
    epsilon: Real,
    unit: PrivacyUnit,
    relation: Relation,
    finish: Callable[[Any], Any],
) -> DiscreteLaplaceMechanism:
    """The mechanism with scale sensitivity / epsilon, an exact rational.

    Errors: InvalidParameter if epsilon is not a number above 0.
    """
    price = exact(epsilon, name="epsilon")
    if price <= 0:
        raise InvalidParameter(f"epsilon is {price}; give a number above 0")
    return DiscreteLaplaceMechanism(
        name=name,
        unit=unit,
        relation=relation,
        query=query,
        sensitivity=sensitivity,
        scale=sensitivity / price,
        finish=finish,
    )
