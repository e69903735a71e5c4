"""Everything that is told of one table's risk, as plain values: for a command, a claim or a page to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.anonymity import anonymity_of
from privet.deidentify.attackers import attacker_risks
from privet.deidentify.classes import classes_of
from privet.deidentify.codes import Coded, encode, names_of
from privet.deidentify.discovery import discover
from privet.deidentify.models.k_anonymity import class_sizes
from privet.deidentify.special_uniques import intrusion_scores, special_uniques
from privet.deidentify.uniqueness import population_uniqueness

# Minimal sample uniques of this size are looked for, unless more rows and sets would have to be visited than this.
UNIQUES: Final = 3
_MOST_VISITS: Final = 20_000_000


def measured(
    table: Any,
    *,
    columns: Sequence[str],
    sensitive: str | None = None,
    population: int | None = None,
    largest: int = 4,
    uniques: int | None = None,
) -> dict[str, Any]:
    """Measure a table of any kind that ``encode`` takes over the columns that others may know.

    Guarantee: none; every figure is read from the data. ``uniques`` is the size of the minimal sample uniques to look
    for; without it 3, but not in tables so large that it would take minutes.
    Errors: InvalidParameter if a column is not there or a setting cannot be.

    >>> found = measured({"age": [30, 30, 40], "ill": ["y", "n", "y"]}, columns=["age"], sensitive="ill")
    >>> found["rows"], found["alone"], found["anonymity"]["k"], found["special_uniques"]["rows"]
    (3, 0.3333333333333333, 1, 1)
    """
    names = list(columns)
    coded = encode(table, columns=[*names, *([sensitive] if sensitive else [])])
    if not coded.rows:
        return {"rows": 0, "columns": names}
    sizes = class_sizes(coded, quasi_identifiers=names)
    made = {
        "rows": coded.rows,
        "columns": names,
        "alone": float((sizes == 1).sum() / coded.rows),
        "anonymity": anonymity_of(coded, quasi_identifiers=names, sensitive=sensitive).to_json(),
        "attackers": attacker_risks(coded, quasi_identifiers=names).to_json(),
        "discovery": discover(coded, columns=names, largest=largest).to_json(),
    }
    if population is not None:
        made["population"] = population_uniqueness(sizes, population=population).to_json()
    size = _size(coded, len(names)) if uniques is None else min(uniques, len(names))
    if size:
        share = None if population is None else coded.rows / population
        made["special_uniques"] = _special(coded, names, size, sizes, share)
    return made


def summary(table: Any, *, columns: Sequence[str], worst: int = 3) -> dict[str, Any]:
    """The few figures that go with a table that leaves: k, the share that is unique, the worst combinations.

    >>> summary({"age": [30, 30, 40]}, columns=["age"])["k"]
    1
    """
    coded = encode(table, columns=columns)
    if not coded.rows or not columns:
        return {"rows": coded.rows, "k": coded.rows, "unique_share": 0.0, "worst": []}
    sizes = class_sizes(coded, quasi_identifiers=columns)
    found = discover(coded, columns=columns, worst=worst).combinations
    return {
        "rows": coded.rows,
        "k": int(sizes.min()),
        "unique_share": float((sizes == 1).sum() / coded.rows),
        "worst": [{"columns": list(item.columns), "unique_share": item.unique_share} for item in found],
    }


def unique_share(table: Any, *, columns: Sequence[str]) -> float:
    """The share of rows that are alone with what some columns say; 0 without a column, as nothing is known then."""
    if not columns:
        return 0.0
    classes = classes_of(table, quasi_identifiers=columns)
    return float((classes.sizes == 1).sum() / max(1, classes.rows))


def kept(before: Any, after: Any, *, columns: Sequence[str]) -> dict[str, float]:
    """What a treatment leaves of some columns of a table: shares of their cells and of what they told apart.

    ``blank`` is the share of filled cells that are empty now, a dropped column being all of them; ``information`` the
    mean over columns of the entropy of its values, as a share of what it was.

    >>> found = kept({"age": [31, 35, 52, 58]}, {"age": ["30-39", "30-39", "50-59", None]}, columns=["age"])
    >>> found["blank"], round(found["information"], 2)
    (0.25, 0.75)
    """
    old, there = encode(before, columns=columns), set(names_of(after))
    new = encode(after, columns=[name for name in columns if name in there]) if there & set(columns) else None
    bits = [(_entropy(old, name), _entropy(new, name)) for name in columns]
    shares = [now / was for was, now in bits if was > 0]
    filled, still = (sum(_filled(table, name) for name in columns) for table in (old, new))
    return {"blank": 1 - still / max(1, filled), "information": float(np.mean(shares)) if shares else 1.0}


def _counts(coded: Coded | None, name: str) -> NDArray[np.float64]:
    """How often each value of a column is; missing ones do not count, nor does a column that is gone."""
    if coded is None or name not in coded.columns:
        return np.zeros(0)
    column = coded.columns[name]
    made = np.bincount(column.codes, weights=coded.counts, minlength=column.levels).astype(np.float64)
    return made[[label is not None for label in column.labels]]


def _filled(coded: Coded | None, name: str) -> float:
    return float(_counts(coded, name).sum())


def _entropy(coded: Coded | None, name: str) -> float:
    """Bits of a column's values; blank cells are a value here, for they tell something too."""
    counts = _counts(coded, name)
    if coded is None or not len(counts):
        return 0.0
    shares = np.append(counts, coded.rows - counts.sum()) / coded.rows
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def _size(coded: Coded, columns: int) -> int:
    size = min(UNIQUES, columns)
    return size if coded.entries * columns**size / 6 <= _MOST_VISITS else 0


def _special(
    coded: Coded, names: list[str], size: int, sizes: NDArray[np.int64], share: float | None
) -> dict[str, Any]:
    found = special_uniques(coded, columns=names, largest=size)
    most = sorted(found.rows.items(), key=lambda item: (-len(item[1]), len(item[0])))[:5]
    made: dict[str, Any] = {
        "largest": size,
        "rows": found.special,
        "share": found.special / coded.rows,
        "highest_score": float(found.scores.max()),
        "sets": [{"columns": list(columns), "rows": len(rows)} for columns, rows in most],
    }
    if share is not None:
        risks = intrusion_scores(found.scores, sizes=sizes, sampled=share, columns=len(names))
        special = risks[found.scores > 0]
        made |= {"right_match_max": float(special.max(initial=0.0)),
                 "right_match_mean": float(special.mean()) if len(special) else 0.0}  # fmt: skip
    return made
