"""How easily rows can be told apart, and so linked to people, by what others may know of them.

Every figure here is read from the data and has no guarantee. It is for the owner of the data; it leaves only by a claim
that says so, where the account allows it.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.classes import classes_of
from privet.deidentify.codes import Coded, encode

# Groups of look-alike rows are counted in these ranges.
BANDS: tuple[tuple[int, int | None], ...] = ((1, 1), (2, 4), (5, 9), (10, 49), (50, None))
LARGEST_COMBINATION = 3


@dataclass(frozen=True, slots=True)
class Combination:
    """A set of columns, and the share of rows that it alone makes unique."""

    columns: tuple[str, ...]
    unique_share: float


@dataclass(frozen=True, slots=True)
class RiskReport:
    """Re-identification risk over quasi-identifiers.

    ``prosecutor_mean`` is the chance of an attacker, who knows a person's quasi-identifiers and that they are there, to
    pick the right row, averaged over rows (marketer risk: groups over rows); ``prosecutor_max`` is 1 / k.
    ``bands`` are shares of rows in groups of each size range; ``dangerous`` are the worst sets of one to three columns.
    Reference: El Emam & Dankar 2008, section 3.
    """

    quasi_identifiers: tuple[str, ...]
    rows: int
    groups: int
    k: int
    unique_rows: int
    unique_share: float
    prosecutor_max: float
    prosecutor_mean: float
    bands: tuple[tuple[str, float], ...]
    dangerous: tuple[Combination, ...]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def reidentification_risk(frame: Any, *, quasi_identifiers: tuple[str, ...], worst: int = 5) -> RiskReport:
    """Measure a table (pandas, Polars, Arrow, a mapping of columns, or what ``encode`` made of one).

    Errors: InvalidParameter if a column is not there.

    >>> import pandas
    >>> table = pandas.DataFrame({"age": [30, 30, 40], "sex": ["f", "f", "m"]})
    >>> found = reidentification_risk(table, quasi_identifiers=("age", "sex"))
    >>> found.k, found.unique_rows
    (1, 1)
    """
    coded = encode(frame, columns=quasi_identifiers)
    sizes, rows = classes_of(coded, quasi_identifiers=quasi_identifiers).sizes, coded.rows
    unique = int((sizes == 1).sum())
    smallest = int(sizes.min()) if rows else 0
    return RiskReport(
        quasi_identifiers=tuple(quasi_identifiers),
        rows=rows,
        groups=len(sizes),
        k=smallest,
        unique_rows=unique,
        unique_share=unique / rows if rows else 0.0,
        prosecutor_max=1 / smallest if smallest else 0.0,
        prosecutor_mean=len(sizes) / rows if rows else 0.0,
        bands=tuple((_label(low, high), _share(sizes, low, high, rows)) for low, high in BANDS),
        dangerous=_dangerous(coded, quasi_identifiers, worst),
    )


def _label(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low}-{high}"


def _share(sizes: NDArray[np.int64], low: int, high: int | None, rows: int) -> float:
    chosen = sizes[(sizes >= low) & (sizes <= (high or rows))]
    return float(chosen.sum() / rows) if rows else 0.0


def _dangerous(coded: Coded, quasi_identifiers: tuple[str, ...], worst: int) -> tuple[Combination, ...]:
    """The smallest sets of columns that make most rows unique; a set is left out if a part of it is as bad."""
    found: list[Combination] = []
    for size in range(1, min(LARGEST_COMBINATION, len(quasi_identifiers)) + 1):
        for columns in itertools.combinations(quasi_identifiers, size):
            sizes = classes_of(coded, quasi_identifiers=columns).sizes
            share = float((sizes == 1).sum() / coded.rows) if coded.rows else 0.0
            parts = [other for other in found if set(other.columns) < set(columns)]
            if share > 0 and all(share > other.unique_share * 1.05 for other in parts):
                found.append(Combination(columns, share))
    return tuple(sorted(found, key=lambda item: (-item.unique_share, len(item.columns)))[:worst])
