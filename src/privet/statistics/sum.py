"""The sum of a bounded column."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from privet.core.bounds import Interval
from privet.core.exact import Real
from privet.core.neighbours import PrivacyUnit, Relation
from privet.mechanisms.discrete_laplace import DiscreteLaplaceMechanism
from privet.statistics.grid import Grid
from privet.statistics.rows import Where, column, kept
from privet.statistics.terms import laplace


def sum(
    name: str | None,
    *,
    bounds: Interval,
    epsilon: Real,
    unit: PrivacyUnit,
    relation: Relation,
    granularity: Real | None = None,
    where: Where | None = None,
) -> DiscreteLaplaceMechanism:
    """A mechanism for the sum of column ``name`` (None for a plain array), each value moved into ``bounds``.

    Guarantee: epsilon-DP for ``unit`` under ``relation``. Values are rounded to ``granularity`` (public; about
    1/65536 of the bounds' width unless stated) before they are added, so the sum has no rounding of its own.
    Units: the release is in the column's unit, a multiple of ``granularity``.
    Errors: InvalidParameter.
    Reference: proofs in docs/proofs/discrete_laplace.md; why a grid: Mironov 2012, Casacuberta et al. 2022.

    >>> total = sum("age", bounds=Interval(0, 100), epsilon=1, unit=PrivacyUnit("person"),
    ...             relation=Relation.ADD_OR_REMOVE, granularity=1)
    >>> total.sensitivity
    100
    """
    grid = Grid.over(bounds, granularity=granularity)
    always_present = unit.column is None and where is None

    def query(data: Any) -> int:
        return add(grid.codes(column(data, name)[kept(data, unit=unit, where=where)]))

    def finish(noisy: int) -> float:
        return float(noisy * Fraction(grid.granularity))

    return laplace(
        query,
        name=f"sum of {name}" if name is not None else "sum",
        sensitivity=sensitivity(grid, unit=unit, relation=relation, always_present=always_present),
        epsilon=epsilon,
        unit=unit,
        relation=relation,
        finish=finish,
    )


def sensitivity(grid: Grid, *, unit: PrivacyUnit, relation: Relation, always_present: bool) -> int:
    """Furthest that one unit can move the sum of codes.

    A unit adds m codes, 0 <= m <= max_rows. Coming, going or becoming empty moves the sum by one such amount; an
    exchange moves it by the distance between two. A unit that is one row for certain cannot have m = 0.
    """
    if relation is not Relation.REPLACE_ONE:
        return unit.max_rows * grid.largest
    if always_present:
        return grid.high - grid.low
    return unit.max_rows * (max(grid.high, 0) - min(grid.low, 0))


def add(codes: Any) -> int:
    """Exact sum: no more than 2**31 codes of at most 2**31 are added in 64 bits, the rest as Python integers."""
    total = 0
    for start in range(0, len(codes), 1 << 31):
        total += int(codes[start : start + (1 << 31)].sum())
    return total
