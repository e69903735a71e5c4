"""How anonymous a table is by the usual models, all from one sort."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from privet.deidentify.classes import classes_of
from privet.deidentify.models.beta_likeness import relative_gain
from privet.deidentify.models.delta_disclosure import log_change
from privet.deidentify.models.distinct_l_diversity import distinct_l
from privet.deidentify.models.entropy_l_diversity import entropy_l
from privet.deidentify.models.t_closeness import equal_distance, ordered_distance


@dataclass(frozen=True, slots=True)
class Anonymity:
    """What holds for every class: the worst of each. Figures of the sensitive column are None if none was named.

    ``k`` and both ``l`` are the better the larger, the others the better the smaller.
    """

    k: int
    distinct_l: int | None = None
    entropy_l: float | None = None
    t: float | None = None
    beta: float | None = None
    delta_disclosure: float | None = None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def anonymity_of(
    table: Any, *, quasi_identifiers: Sequence[str], sensitive: str | None = None, ordered: bool = False
) -> Anonymity:
    """Measure a table of pandas, Polars or Arrow, a mapping of columns, or one that ``encode`` made.

    Guarantee: none; these are facts about the table, read from it. ``ordered`` takes the sensitive values to lie on a
    line.
    Errors: InvalidParameter if a column is not there, or none is named.

    >>> table = {"age": [30, 30, 40, 40], "ill": ["yes", "no", "no", "yes"]}
    >>> found = anonymity_of(table, quasi_identifiers=["age"], sensitive="ill")
    >>> found.k, found.distinct_l, found.t
    (2, 2, 0.0)
    """
    classes = classes_of(table, quasi_identifiers=quasi_identifiers, sensitive=sensitive)
    if not len(classes.sizes):
        return Anonymity(0)
    smallest = int(classes.sizes.min())
    if sensitive is None:
        return Anonymity(smallest)
    distance = ordered_distance if ordered else equal_distance
    return Anonymity(
        k=smallest,
        distinct_l=int(distinct_l(classes).min()),
        entropy_l=float(entropy_l(classes).min()),
        t=float(distance(classes).max()),
        beta=float(relative_gain(classes).max()),
        delta_disclosure=float(log_change(classes).max()),
    )
