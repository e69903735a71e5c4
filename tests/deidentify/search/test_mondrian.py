"""Mondrian against what it promises, and against a plain one that splits part after part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Cells, Classes
from privet.deidentify.codes import encode
from privet.deidentify.models.beta_likeness import BetaLikeness
from privet.deidentify.models.distinct_l_diversity import DistinctLDiversity
from privet.deidentify.models.entropy_l_diversity import EntropyLDiversity
from privet.deidentify.models.k_anonymity import k as k_of
from privet.deidentify.models.recursive_l_diversity import RecursiveLDiversity
from privet.deidentify.models.t_closeness import TCloseness
from privet.deidentify.search.mondrian import mondrian
from privet.deidentify.search.rewrite import partitioned
from privet.noise.simulation import generator

NAMES = ("a", "b", "c")
tables = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 300)), min_size=3, max_size=80).map(
    lambda rows: {name: [row[i] for row in rows] for i, name in enumerate(NAMES)}
)


def plain(
    values: np.ndarray, rows: np.ndarray, widest: np.ndarray, k: int, meets: Callable = lambda rows: True
) -> list[list[int]]:
    """One part after another, as the paper says it."""
    mine = values[rows]
    spans = (mine.max(axis=0) - mine.min(axis=0)) / widest
    for column in np.argsort(-spans, kind="stable"):
        if spans[column] == 0 or len(rows) < 2 * k:
            continue
        median = np.sort(mine[:, column])[len(rows) // 2]
        for left in (mine[:, column] < median, mine[:, column] <= median):
            if min(left.sum(), (~left).sum()) >= k and meets(rows[left]) and meets(rows[~left]):
                halves = (rows[left], rows[~left])
                return [part for half in halves for part in plain(values, half, widest, k, meets)]
    return [sorted(rows.tolist())]


@settings(max_examples=80, deadline=None)
@given(tables, st.sampled_from([1, 2, 3]))
def test_all_parts_at_once_are_those_of_one_after_another(table: dict[str, list], k: int) -> None:
    found = mondrian(table, columns=NAMES, k=k)
    coded = encode(table)
    values = np.stack([coded.columns[name].codes.astype(int) for name in NAMES], axis=1)
    expected = plain(values, np.arange(len(values)), np.maximum(1, values.max(axis=0)), k)
    parts = [sorted(np.flatnonzero(found.of_row == number).tolist()) for number in range(len(found.sizes))]
    assert sorted(parts) == sorted(expected)
    assert found.sizes.min() >= k
    for number, rows in enumerate(parts):
        assert found.low[:, number].tolist() == values[rows].min(axis=0).tolist()
        assert found.high[:, number].tolist() == values[rows].max(axis=0).tolist()


MODELS = [
    (DistinctLDiversity(2),), (EntropyLDiversity(1.5),), (RecursiveLDiversity(2.0, 2),), (TCloseness(0.3),),
    (TCloseness(0.25, "ordered"), DistinctLDiversity(2)), (BetaLikeness(1.0),),
]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(tables, st.data(), st.sampled_from(MODELS))
def test_parts_meet_the_models_and_are_those_of_one_after_another(
    table: dict[str, list], data: st.DataObject, models: tuple
) -> None:
    rows = len(table["a"])
    ill = np.array(data.draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows)))
    values = np.stack([encode(table).columns[name].codes.astype(int) for name in NAMES], axis=1)
    overall = np.bincount(ill, minlength=4) / rows

    def meets(part: np.ndarray) -> bool:
        value, count = np.unique(ill[part], return_counts=True)
        cells = Cells(np.zeros(len(value), int), value, count, np.array([0]), overall, (0, 1, 2, 3))
        return all(model.meets(Classes(np.array([len(part)]), cells))[0] for model in models)

    given_ = {"columns": NAMES, "k": 2, "models": models, "sensitive": "ill"}
    # All four values are known, so that codes are the values themselves.
    if not meets(np.arange(rows)) or len(set(ill.tolist())) < 4:
        if not meets(np.arange(rows)):
            with pytest.raises(InvalidParameter, match="as a whole"):
                mondrian({**table, "ill": ill.tolist()}, **given_)
        return
    found = mondrian({**table, "ill": ill.tolist()}, **given_)
    expected = plain(values, np.arange(rows), np.maximum(1, values.max(axis=0)), 2, meets)
    assert sorted(sorted(np.flatnonzero(found.of_row == n).tolist()) for n in range(len(found.sizes))) == sorted(
        expected
    )


@settings(max_examples=40, deadline=None)
@given(tables)
def test_what_it_writes_is_k_anonymous_and_covers_each_cell(table: dict[str, list]) -> None:
    found = mondrian(table, columns=NAMES, k=3)
    made = partitioned(table, found)
    assert k_of(made, quasi_identifiers=NAMES) >= 3
    for name in NAMES:
        for word, cell in zip(made[name].tolist(), table[name], strict=True):
            low, _, high = str(word).partition("..")
            assert int(low) <= cell <= int(high or low)


def test_its_loss_is_the_mean_range_of_a_cell() -> None:
    table = {"a": [0, 1, 8, 9], "b": [0, 0, 0, 1]}
    found = mondrian(table, columns=["a", "b"], k=2)
    assert Counter(found.sizes.tolist()) == {2: 2}
    # Codes: a is 0 1 2 3; each half spans 1 of 3. b spans 0 in one half and 1 of 1 in the other.
    assert found.loss == pytest.approx((1 / 3 + 1 / 3) / 4 + (0 + 1) / 4)


def test_many_rows_lose_little() -> None:
    chance = generator(2)
    table = {f"c{i}": chance.integers(0, 100, 20_000) for i in range(3)}
    found = mondrian(table, columns=list(table), k=5)
    assert found.sizes.min() >= 5
    assert found.sizes.mean() < 12
    assert found.loss < 0.1


def test_tables_that_cannot_be_split_are_one_class_or_refused() -> None:
    assert mondrian({"a": [1, 1, 1]}, columns=["a"], k=1).sizes.tolist() == [3]
    assert mondrian({"a": []}, columns=["a"], k=2).sizes.tolist() == []
    with pytest.raises(InvalidParameter, match="fewer than k = 5"):
        mondrian({"a": [1, 2]}, columns=["a"], k=5)
