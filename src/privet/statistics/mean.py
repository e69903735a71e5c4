"""The mean of a bounded column."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.bounds import Interval
from privet.core.exact import Real
from privet.core.neighbours import PrivacyUnit, Relation
from privet.mechanisms.discrete_laplace import DiscreteLaplaceMechanism
from privet.statistics.grid import Grid
from privet.statistics.rows import Where, column, kept
from privet.statistics.sum import add
from privet.statistics.terms import laplace


def mean(
    name: str | None,
    *,
    bounds: Interval,
    epsilon: Real,
    unit: PrivacyUnit,
    relation: Relation,
    granularity: Real | None = None,
    where: Where | None = None,
) -> DiscreteLaplaceMechanism:
    """A mechanism for the mean of column ``name`` (None for a plain array), each value moved into ``bounds``.

    One joint release of two integers: the sum of codes about the middle of the bounds, and the number of rows times
    the largest such code h. The mean is their quotient, moved into the bounds.

    Guarantee: epsilon-DP for ``unit`` under ``relation``. With m rows before and m' after, the sum moves by at most
    h (m + m') and the weighted number by h |m - m'|, together 2 h max(m, m') <= 2 h max_rows, under each relation.
    Units: the release is in the column's unit.
    Errors: InvalidParameter.
    Reference: proofs in docs/proofs/discrete_laplace.md.

    >>> mean("age", bounds=Interval(0, 100), epsilon=1, unit=PrivacyUnit("person"),
    ...      relation=Relation.REPLACE_ONE, granularity=1).sensitivity
    100
    """
    grid = Grid.over(bounds, granularity=granularity)
    middle = (grid.low + grid.high) // 2
    weight = max(grid.high - middle, middle - grid.low)

    def query(data: Any) -> NDArray[np.int64]:
        codes = grid.codes(column(data, name)[kept(data, unit=unit, where=where)])
        return np.array([add(codes - middle), weight * len(codes)], dtype=np.int64)

    def finish(noisy: NDArray[np.int64]) -> float:
        total, weighted = (int(part) for part in noisy)
        # At least one row, as public as the bounds: a smaller number would only leave them.
        centred = Fraction(total * weight, max(weighted, weight))
        return min(max(float((centred + middle) * grid.granularity), bounds.lower), bounds.upper)

    return laplace(
        query,
        name=f"mean of {name}" if name is not None else "mean",
        sensitivity=2 * weight * unit.max_rows,
        epsilon=epsilon,
        unit=unit,
        relation=relation,
        finish=finish,
    )
