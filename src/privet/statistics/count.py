"""How many rows there are, or how many meet a condition."""

from __future__ import annotations

from typing import Any

from privet.core.exact import Real
from privet.core.neighbours import PrivacyUnit, Relation
from privet.mechanisms._terms import same
from privet.mechanisms.discrete_laplace import DiscreteLaplaceMechanism
from privet.statistics.rows import Where, kept
from privet.statistics.terms import laplace


def count(
    *, epsilon: Real, unit: PrivacyUnit, relation: Relation, where: Where | None = None
) -> DiscreteLaplaceMechanism:
    """A mechanism for the number of rows; ``where`` maps the table to one truth value for each row, row by row.

    Guarantee: epsilon-DP for ``unit`` under ``relation``. A unit adds from 0 to ``unit.max_rows``, so whichever
    way it changes, the count moves by at most that. The gate is trusted.
    Errors: InvalidParameter.
    Reference: Ghosh, Roughgarden & Sundararajan 2012; proof in docs/proofs/discrete_laplace.md.

    >>> visits = count(epsilon=1, unit=PrivacyUnit("person", column="id", max_rows=5), relation=Relation.REPLACE_ONE)
    >>> visits.event
    DiscreteLaplace(scale=Fraction(5, 1), sensitivity=5)
    """

    def query(data: Any) -> int:
        return int(kept(data, unit=unit, where=where).sum())

    return laplace(
        query,
        name="count",
        sensitivity=unit.max_rows,
        epsilon=epsilon,
        unit=unit,
        relation=relation,
        finish=same,
    )
