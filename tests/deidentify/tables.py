"""Random tables, and how classes are made by the plain definition."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from hypothesis import strategies as st

Rows = list[tuple[Any, ...]]

# Two quasi-identifiers and a sensitive column; numbers, text and missing cells.
rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([None, 1, 2]), st.sampled_from([10, 20, 30, 40])),
    min_size=1,
    max_size=60,
)


def as_columns(found: Rows) -> dict[str, list[Any]]:
    return {name: [row[i] for row in found] for i, name in enumerate(("one", "two", "ill"))}


def plain_classes(found: Rows) -> list[Counter[Any]]:
    """Counts of the sensitive value in each class, classes in the order of their values with missing ones last."""
    made: dict[Any, Counter[Any]] = defaultdict(Counter)
    for one, two, ill in found:
        made[(one, (two is None, two or 0))][ill] += 1
    return [made[key] for key in sorted(made)]


def plain_shares(found: Rows) -> dict[Any, float]:
    return {value: times / len(found) for value, times in Counter(row[2] for row in found).items()}
