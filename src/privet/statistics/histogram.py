"""How many rows fall in each bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.bounds import Categories
from privet.core.errors import InvalidParameter
from privet.core.exact import Real
from privet.core.neighbours import PrivacyUnit, Relation
from privet.mechanisms._terms import same
from privet.mechanisms.discrete_laplace import DiscreteLaplaceMechanism
from privet.statistics.grid import as_floats
from privet.statistics.rows import Where, column, kept
from privet.statistics.terms import laplace


def histogram(
    name: str | None,
    *,
    bins: Categories | Sequence[float],
    epsilon: Real,
    unit: PrivacyUnit,
    relation: Relation,
    where: Where | None = None,
) -> DiscreteLaplaceMechanism:
    """A mechanism for the counts of column ``name`` (None for a plain array) in public bins.

    ``bins`` are categories, or rising edges of numeric bins: closed below, open above, the last closed; values beyond
    the ends go into the end bins. Rows with a missing value or an unknown category are in no bin.

    Guarantee: epsilon-DP for ``unit`` under ``relation``. Each row of a unit is in at most one bin, so the L1
    sensitivity is max_rows; if a unit is exchanged, rows leave some bins and enter others, so it is 2 max_rows.
    Shapes: the release has one integer for each bin; it may be negative.
    Errors: InvalidParameter.
    Reference: Dwork, McSherry, Nissim & Smith 2006, Example 1; proof in docs/proofs/discrete_laplace.md.

    >>> sexes = histogram("sex", bins=Categories(("f", "m")), epsilon=1, unit=PrivacyUnit("person"),
    ...                   relation=Relation.REPLACE_ONE)
    >>> sexes.sensitivity
    2
    """
    if not isinstance(bins, Categories):
        edges = _checked_edges(bins)

    def query(data: Any) -> NDArray[np.int64]:
        values = column(data, name)[kept(data, unit=unit, where=where)]
        at = _category(values, bins) if isinstance(bins, Categories) else _interval(values, edges)
        width = len(bins) if isinstance(bins, Categories) else len(edges) - 1
        return np.bincount(at[at >= 0], minlength=width).astype(np.int64)

    return laplace(
        query,
        name=f"histogram of {name}" if name is not None else "histogram",
        sensitivity=unit.max_rows * relation.sum_sensitivity_factor,
        epsilon=epsilon,
        unit=unit,
        relation=relation,
        finish=same,
    )


def _checked_edges(bins: Sequence[float]) -> NDArray[np.float64]:
    edges = np.array(bins, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise InvalidParameter("bins must be Categories, or at least two finite edges that rise strictly")
    return edges


def _interval(values: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    numbers = as_floats(values)
    at = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    return np.where(np.isnan(numbers), -1, at)


def _category(values: NDArray[Any], bins: Categories) -> NDArray[np.int64]:
    index = {value: at for at, value in enumerate(bins.values)}
    return np.array([index.get(value, -1) for value in values.tolist()], dtype=np.int64)
