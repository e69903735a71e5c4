"""Three attackers: the prosecutor, the journalist and the marketer, and how often each is right."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import classes_of, sizes_in_both


@dataclass(frozen=True, slots=True)
class AttackerRisks:
    """Chances of a right guess, for classes of f_j rows in the table and F_j people in the population.

    The prosecutor knows that a person is in the table (1 / f_j); the journalist wants anybody and matches with a list
    of the population (1 / F_j); the marketer matches all rows and counts hits. ``at_risk`` is the share of rows whose
    chance is above the threshold. Without a population the figures of the journalist are None, and the marketer is one
    who has a list of just the people in the table.
    Reference: El Emam & Dankar 2008; El Emam 2013, chapter 16.
    """

    threshold: float
    prosecutor_max: float
    prosecutor_mean: float
    prosecutor_at_risk: float
    journalist_max: float | None
    journalist_mean: float | None
    journalist_at_risk: float | None
    marketer: float

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def attacker_risks(
    table: Any, *, quasi_identifiers: Sequence[str], population: Any = None, threshold: float = 0.2
) -> AttackerRisks:
    """Measure the risk to a table, and with a list of the ``population`` also that by way of the list.

    Guarantee: none; it counts only the quasi-identifiers that are named, and takes the list to be right. A row that is
    in the table but not in the list cannot be matched and adds no risk to journalist and marketer.
    Errors: InvalidParameter if a column is not there, or ``threshold`` is no chance.

    >>> everybody = {"age": [30] * 4 + [40] * 2}
    >>> found = attacker_risks({"age": [30, 30, 40]}, quasi_identifiers=["age"], population=everybody)
    >>> found.prosecutor_max, found.journalist_max, round(found.marketer, 3)
    (1.0, 0.5, 0.333)
    """
    if not 0 <= threshold <= 1:
        raise InvalidParameter(f"threshold is {threshold}; give a chance from 0 to 1")
    if population is None:
        here = classes_of(table, quasi_identifiers=quasi_identifiers).sizes
        listed = here
    else:
        here, listed = sizes_in_both(table, population, quasi_identifiers=quasi_identifiers)
        here, listed = here[here > 0], listed[here > 0]
    rows = max(1, int(here.sum()))
    prosecutor = 1 / here
    journalist = np.divide(1.0, listed, out=np.zeros(len(listed)), where=listed > 0)
    marketer = float((here * journalist).sum() / rows)
    known = population is not None
    # The journalist may also take the whole list for the table: then one right row for each class.
    reverse = float((listed > 0).sum() / max(1, int(listed.sum())))
    return AttackerRisks(
        threshold=threshold,
        prosecutor_max=float(prosecutor.max(initial=0.0)),
        prosecutor_mean=len(here) / rows,
        prosecutor_at_risk=float(here[prosecutor > threshold].sum() / rows),
        journalist_max=float(journalist.max(initial=0.0)) if known else None,
        journalist_mean=max(reverse, marketer) if known else None,
        journalist_at_risk=float(here[journalist > threshold].sum() / rows) if known else None,
        marketer=marketer,
    )
