"""Operators that look at the whole column: groups, swaps, chance that only the key repeats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from privet.core.errors import InvalidParameter
from privet.deidentify.chance import KeyedChance
from privet.deidentify.mdav import mdav
from privet.deidentify.operators.rank_swap import partners
from privet.deidentify.operators.suppress_rare import blanked
from privet.deidentify.policy import read_policy
from privet.deidentify.transform import deidentify
from privet.noise.simulation import generator

pandas = pytest.importorskip("pandas")

KEY = bytes(range(32))


def treat(column, operator: str, *, key: bytes = KEY, **settings_):
    policy = read_policy({"columns": {"c": {"operator": operator, **settings_}}})
    return deidentify(pandas.DataFrame({"c": column}), policy=policy, key=key, findings=())["c"]


def plain_mdav(rows, k: int) -> list[set[int]]:
    """The published algorithm with sets, one distance at a time."""
    left, made = list(range(len(rows))), []

    def apart(i, point):
        return float(((rows[i] - point) ** 2).sum())

    def take(anchor):
        group = sorted(left, key=lambda i: apart(i, rows[anchor]))[:k]
        made.append(set(group))
        left[:] = [i for i in left if i not in group]

    while len(left) >= 2 * k:
        far = max(left, key=lambda i: apart(i, rows[left].mean(axis=0)))
        farther = max(left, key=lambda i: apart(i, rows[far])) if len(left) >= 3 * k else None
        take(far)
        if farther is not None:
            take(farther)
    return [*made, set(left)] if left else made


@pytest.mark.parametrize(
    ("count", "dimensions", "k"), [(2, 2, 3), (3, 1, 3), (40, 3, 3), (41, 2, 5), (60, 1, 4), (17, 1, 3)]
)
def test_groups_are_those_of_the_published_algorithm(count: int, dimensions: int, k: int) -> None:
    rows = generator(count + dimensions).normal(size=(count, dimensions))
    groups = mdav(rows, k=k, most_rows=10_000)
    assert {frozenset(np.flatnonzero(groups == g).tolist()) for g in set(groups.tolist())} == set(
        map(frozenset, plain_mdav(rows, k))
    )


@settings(max_examples=50)
@given(arrays.arrays(float, st.tuples(st.integers(0, 80), st.integers(1, 3)), elements=st.integers(0, 9)),
       st.integers(2, 5), st.integers(10, 40))  # fmt: skip
def test_every_group_has_k_to_2k_rows_even_with_ties_and_blocks(rows, k: int, most: int) -> None:
    counts = np.bincount(mdav(rows, k=k, most_rows=most))
    if len(rows) >= k:
        assert counts.min() >= k
        assert counts.max() < 2 * k


def test_microaggregates_stand_for_k_rows_and_keep_the_mean() -> None:
    drawn = generator(3)
    frame = pandas.DataFrame({"a": drawn.normal(size=101), "b": drawn.integers(0, 90, 101)})
    policy = read_policy({"together": [{"operator": "microaggregate", "columns": ["a", "b"], "k": 4}]})
    out = deidentify(frame, policy=policy, key=KEY, findings=())
    assert out.groupby(["a", "b"]).size().min() >= 4
    assert out.mean().to_numpy() == pytest.approx(frame.mean().to_numpy())
    alone = treat(["1", "2", "x", "10", None, "11", "12"], "microaggregate", k=2)
    assert alone.dropna().tolist() == ["1.5", "1.5", "11", "11", "11"]
    assert treat([5.0], "microaggregate", k=2).isna().all()


@settings(max_examples=60)
@given(arrays.arrays(np.int64, st.tuples(st.integers(0, 60), st.integers(1, 4)), elements=st.integers(-1, 4)),
       st.integers(2, 5))  # fmt: skip
def test_no_combination_is_rare_after_suppression(codes, k: int) -> None:
    blank = blanked(codes, k=k)
    left = pandas.DataFrame(np.where(blank, -1, codes)).astype(str).agg("-".join, axis=1)
    if len(codes) >= k:
        assert left.groupby(left).size().min() >= k
    else:
        assert (np.where(blank, -1, codes) == -1).all()
    common = pandas.DataFrame(codes).groupby(list(range(codes.shape[1])))[0].transform("size").to_numpy()
    if (common >= k).all():
        assert not blank.any()


@settings(max_examples=60)
@given(arrays.arrays(np.int64, st.tuples(st.integers(0, 60), st.integers(2, 4)), elements=st.integers(-1, 4)),
       st.integers(2, 5), st.data())  # fmt: skip
def test_only_the_columns_named_lose_cells_and_whoever_stays_rare_loses_all_of_them(codes, k: int, data) -> None:
    only = sorted(data.draw(st.sets(st.integers(0, codes.shape[1] - 1), min_size=1, max_size=codes.shape[1] - 1)))
    blank = blanked(codes, k=k, only=only)
    others = [place for place in range(codes.shape[1]) if place not in only]
    assert not blank[:, others].any()
    left = pandas.DataFrame(np.where(blank, -1, codes)).astype(str).agg("-".join, axis=1)
    rare = left.map(left.value_counts()).to_numpy() < k if len(left) else np.zeros(0, dtype=bool)
    # Blanked alike they may be joined by others, so they are rare by what may not be blanked alone.
    assert (np.where(blank, -1, codes)[np.ix_(rare, only)] == -1).all()


def test_suppression_follows_generalisation_and_spares_the_first_columns() -> None:
    table = pandas.DataFrame({"sex": ["f", "f", "f", "f", "m", "m"], "age": [31, 33, 58, 71, 35, 36]})
    policy = read_policy(
        {
            "others": "keep",
            "columns": {"age": {"operator": "generalise_number", "lowest": 0, "highest": 90, "width": 10}},
            "together": [{"operator": "suppress_rare", "columns": ["sex", "age"], "k": 2}],
        }
    )
    out = deidentify(table, policy=policy, key=KEY, findings=())
    assert out["age"].notna().tolist() == [True, True, False, False, True, True]
    assert out["sex"].notna().all()
    assert out.fillna("-").groupby(["sex", "age"]).size().min() >= 2


@settings(max_examples=60)
@given(st.lists(st.floats(0.001, 0.999), max_size=60), st.integers(1, 70))
def test_partners_exchange_within_reach(drawn: list[float], reach: int) -> None:
    found = partners(np.array(drawn), reach=reach)
    assert found[found].tolist() == list(range(len(drawn)))
    assert np.abs(found - np.arange(len(drawn))).max(initial=0) <= reach
    # Nobody is left alone beside somebody alone within reach.
    alone = np.flatnonzero(found == np.arange(len(drawn)))
    assert (np.diff(alone) > reach).all()


def test_rank_swaps_keep_every_value_and_move_most_rows() -> None:
    values = generator(1).permutation(1000)
    out = treat(values, "rank_swap", percent=5).to_numpy()
    assert sorted(out) == sorted(values)
    assert np.abs(out - values).max() <= 50
    assert (out != values).mean() > 0.95
    text = treat(["3", None, "1", "n/a", "2"], "rank_swap", percent=50)
    assert text.isna().tolist() == [False, True, False, False, False]
    assert text.iloc[3] == "n/a"
    assert sorted(text.dropna()) == ["1", "2", "3", "n/a"]


def test_randomised_cells_are_drawn_from_the_column_as_often_as_stated() -> None:
    values = np.repeat(["a", "b"], [15_000, 5_000])
    out = treat(values, "randomise", change=0.4).to_numpy()
    # A cell changes with probability 0.4 times the share of the other category: 0.4 * 2 * 0.75 * 0.25 = 0.15.
    changed = (out != values).sum()
    assert abs(changed - 3000) < 5 * np.sqrt(20_000 * 0.15 * 0.85)
    assert abs((out == "a").sum() - 15_000) < 5 * np.sqrt(20_000 * 0.15)
    # The same test tells a change of 0.44.
    assert abs(changed - 3300) > 5 * np.sqrt(20_000 * 0.165 * 0.835) / 2
    assert treat(["x", None], "randomise", change=1.0).isna().tolist() == [False, True]


def test_noise_has_the_stated_law() -> None:
    from scipy.stats import kstest

    noise = treat(np.zeros(20_000), "add_noise", stddev=3.0).to_numpy()
    assert kstest(noise / 3.0, "norm").pvalue > 1e-6
    assert kstest(noise / 3.3, "norm").pvalue < 1e-6
    assert treat(["1", "x"], "add_noise", stddev=0.1).isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("operator", "settings_"),
    [("add_noise", {"stddev": 1.0}), ("randomise", {"change": 0.5}), ("rank_swap", {"percent": 20})],
)
def test_chance_is_repeated_by_the_key_and_follows_key_column_and_content(operator: str, settings_: dict) -> None:
    values = pandas.Series(np.arange(200.0))
    first = treat(values, operator, **settings_)
    assert first.equals(treat(values, operator, **settings_))
    assert not first.equals(treat(values, operator, key=bytes(32), **settings_))
    state = np.random.get_state()[1].tolist()  # noqa: NPY002 - that it is not used is what is tested
    other = treat(values.where(values != 7, 7.5), operator, **settings_)
    assert (other == first).mean() < 0.9
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_keyed_chance_is_uniform() -> None:
    from scipy.stats import kstest

    chance = KeyedChance(KEY, purpose=b"test", content=b"")
    assert kstest(chance.uniform(20_000), "uniform").pvalue > 1e-6
    counts = np.bincount(chance.below(7, count=70_000), minlength=7)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 40
    assert kstest(chance.uniform(20_000) ** 1.1, "uniform").pvalue < 1e-6


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ({}, "list of tables"),
        ([{"operator": "suppress_rare", "k": 2}], "names no columns"),
        ([{"operator": "suppress_rare", "k": 2, "columns": ["a", "a"]}], "twice"),
        ([{"operator": "mask", "columns": ["a"]}], "treats one column"),
        ([{"operator": "suppress_rare", "k": 2, "columns": ["gone"]}], "drops"),
        ([{"operator": "suppress_rare", "k": 0, "columns": ["a"]}], "number 1"),
    ],
)
def test_wrong_joint_steps_are_told_with_their_place(steps, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        read_policy({"columns": {"gone": {"operator": "drop"}}, "together": steps})


def test_more_columns_than_can_be_tried_are_refused() -> None:
    names = [f"c{number}" for number in range(13)]
    policy = read_policy({"together": [{"operator": "suppress_rare", "k": 2, "columns": names}]})
    with pytest.raises(InvalidParameter, match="at most 12"):
        deidentify(pandas.DataFrame({name: ["a"] for name in names}), policy=policy, key=KEY, findings=())
