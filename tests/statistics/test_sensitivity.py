"""Sensitivity is searched, not believed: random tables and every kind of neighbour, against the stated bound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.bounds import Categories, Interval
from privet.core.neighbours import PrivacyUnit, Relation
from privet.statistics import count, histogram, mean, sum

ROWS = PrivacyUnit("row")
EDGES = [0.0, 1.0, 2.5, 4.0]


def statistics(unit: PrivacyUnit, relation: Relation, *, bounds: Interval, where=None):
    shared = {"epsilon": 1, "unit": unit, "relation": relation, "where": where}
    return {
        "count": count(**shared),
        "sum": sum("x", bounds=bounds, granularity="1/2", **shared),
        "mean": mean("x", bounds=bounds, granularity="1/2", **shared),
        "histogram": histogram("x", bins=EDGES, **shared),
    }


def distance(mechanism, one, other) -> int:
    """L1 distance of the integer answers."""
    gap = np.abs(np.asarray(mechanism.query(one)) - np.asarray(mechanism.query(other)))
    return int(np.asarray(gap).sum())


def table(units) -> dict[str, list]:
    """Rows of units, taken turn by turn, so that units are interleaved."""
    turns = itertools.zip_longest(*[[(name, x) for x in xs] for name, xs in units])
    rows = [row for turn in turns for row in turn if row is not None]
    return {"id": [name for name, _ in rows], "x": [x for _, x in rows]}


values = st.one_of(
    st.floats(-20, 20), st.just(float("nan")), st.sampled_from([1e308, -1e308, float("inf"), float("-inf")]), st.none()
)
contributions = st.lists(values, max_size=6)
BOUNDS = st.sampled_from([Interval(0, 8), Interval(-3, 5), Interval(2, 6.3), Interval(-9, -1.2)])


@settings(max_examples=250, deadline=None)
@given(
    others=st.lists(contributions, max_size=3),
    before=contributions,
    after=contributions,
    max_rows=st.integers(1, 4),
    bounds=BOUNDS,
    relation=st.sampled_from(list(Relation)),
    where=st.sampled_from([None, lambda data: np.array([x is not None and x > 1 for x in data["x"]], dtype=bool)]),
)
def test_no_neighbour_moves_an_answer_further_than_stated(
    others, before, after, max_rows, bounds, relation, where
) -> None:
    unit = PrivacyUnit("person", column="id", max_rows=max_rows)
    fixed = [(f"p{i}", rows) for i, rows in enumerate(others)]
    one = table([*fixed, ("me", before)])
    other = table([*fixed, ("me", after if relation is Relation.REPLACE_ONE else [])])
    for name, mechanism in statistics(unit, relation, bounds=bounds, where=where).items():
        assert distance(mechanism, one, other) <= mechanism.sensitivity, name


@settings(max_examples=150, deadline=None)
@given(
    others=st.lists(values, max_size=5),
    before=values,
    after=values,
    bounds=BOUNDS,
    relation=st.sampled_from(list(Relation)),
)
def test_where_every_row_is_a_unit_no_row_moves_an_answer_further_than_stated(
    others, before, after, bounds, relation
) -> None:
    one = {"x": [*others, before]}
    other = {"x": [*others, after] if relation is Relation.REPLACE_ONE else others}
    for name, mechanism in statistics(ROWS, relation, bounds=bounds).items():
        assert distance(mechanism, one, other) <= mechanism.sensitivity, name


@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("bounds", [Interval(0, 8), Interval(-3, 5), Interval(2, 6), Interval(-9, -1)])
@pytest.mark.parametrize("max_rows", [1, 3])
def test_the_stated_sensitivity_is_reached_so_it_is_not_wasteful(relation, bounds, max_rows) -> None:
    """Extreme contributions of one unit, all pairs; the largest move equals the bound (the mean's may be one less)."""
    unit = PrivacyUnit("person", column="id", max_rows=max_rows)
    extremes = [[x] * n for x in (-100.0, 0.5, 100.0) for n in range(max_rows + 1)]
    worst: dict[str, int] = {}
    for before, after in itertools.product(extremes, extremes if relation is Relation.REPLACE_ONE else [[]]):
        one, other = table([("a", [3.0]), ("me", before)]), table([("a", [3.0]), ("me", after)])
        for name, mechanism in statistics(unit, relation, bounds=bounds).items():
            worst[name] = max(worst.get(name, 0), distance(mechanism, one, other))
    for name, mechanism in statistics(unit, relation, bounds=bounds).items():
        assert worst[name] >= mechanism.sensitivity - (max_rows if name == "mean" else 0), name


def test_categories_move_as_stated() -> None:
    unit = PrivacyUnit("person", column="id", max_rows=2)
    for relation, bound in ((Relation.ADD_OR_REMOVE, 2), (Relation.REPLACE_ONE, 4), (Relation.ZERO_OUT, 2)):
        mechanism = histogram("x", bins=Categories(("a", "b")), epsilon=1, unit=unit, relation=relation)
        assert mechanism.sensitivity == bound
        one = {"id": ["p", "me", "me"], "x": ["a", "a", "a"]}
        exchanged = {"id": ["p", "me", "me"], "x": ["a", "b", "b"]}
        gone = {"id": ["p"], "x": ["a"]}
        assert distance(mechanism, one, exchanged if relation is Relation.REPLACE_ONE else gone) == bound


@settings(max_examples=100, deadline=None)
@given(xs=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), seed=st.integers(0, 99))
def test_no_order_of_rows_changes_a_sum(xs, seed) -> None:
    """Float sums depend on the order, and that leaks; sums on the grid do not."""
    mechanism = sum(None, bounds=Interval(-1e6, 1e6), epsilon=1, unit=ROWS, relation=Relation.REPLACE_ONE)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(xs))
    assert mechanism.query(np.array(xs)) == mechanism.query(np.array(xs)[order])


@given(st.lists(st.sampled_from(["a", "b", 1, "1", 1.0, None, float("nan")]), max_size=12), st.integers(1, 3))
def test_units_are_told_apart_by_equality_and_keep_their_first_rows(ids, max_rows) -> None:
    unit = PrivacyUnit("person", column="id", max_rows=max_rows)
    mechanism = sum("x", bounds=Interval(0, 4096), epsilon=1, unit=unit, relation=Relation.ADD_OR_REMOVE, granularity=1)
    seen: dict[object, int] = {}
    expected = 0
    for at, name in enumerate(ids):
        if name is None or name != name:
            continue
        seen[name] = seen.get(name, 0) + 1
        expected += 2**at if seen[name] <= max_rows else 0
    assert mechanism.query({"id": ids, "x": [2**at for at in range(len(ids))]}) == expected
