"""The worst combinations and the minimal sample uniques against trying everything."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import classes_of
from privet.deidentify.discovery import discover, upper_bound
from privet.deidentify.special_uniques import intrusion_scores, special_uniques
from privet.noise.simulation import generator

NAMES = ("a", "b", "c", "d")
tables = st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=1, max_size=30).map(
    lambda rows: {name: [row[i] for row in rows] for i, name in enumerate(NAMES)}
)


def unique_rows(table: dict[str, list], columns: tuple[str, ...]) -> set[int]:
    keys = list(zip(*[table[name] for name in columns], strict=True))
    counts = Counter(keys)
    return {number for number, key in enumerate(keys) if counts[key] == 1}


@given(tables)
def test_discovery_names_the_worst_and_leaves_out_what_a_part_explains(table: dict[str, list]) -> None:
    rows = len(table["a"])
    share = {
        columns: len(unique_rows(table, columns)) / rows
        for size in range(1, 5)
        for columns in itertools.combinations(NAMES, size)
    }
    found = discover(table, worst=100)
    assert found.complete
    assert found.looked_at == 15
    named = {item.columns: item.unique_share for item in found.combinations}
    assert all(named[columns] == share[columns] > 0 for columns in named)
    for columns in named:
        parts = [part for size in range(1, len(columns)) for part in itertools.combinations(columns, size)]
        assert all(share[part] * 1.05 < share[columns] for part in parts if len(part) == len(columns) - 1)
    for columns, value in share.items():  # whatever singles out is named, or explained by a part that is named
        assert value == 0 or any(set(n) <= set(columns) and named[n] * 1.05 ** len(columns) >= value for n in named)
    assert [c.unique_share for c in found.combinations] == sorted(named.values(), reverse=True)


def test_a_screen_on_samples_finds_what_counting_everything_finds_with_fewer_counts() -> None:
    chance = generator(4)
    levels = (300, 40, 20, 9, 7, 5, 4, 3, 2, 2)
    table = {f"c{i}": chance.integers(0, level, 6000) for i, level in enumerate(levels)}
    everything = discover(table, worst=3, samples=())
    screened = discover(table, worst=3, samples=(600, 2400))
    assert screened.combinations == everything.combinations
    assert screened.complete
    assert screened.counted < everything.counted / 3


def test_a_search_that_reaches_its_limit_says_so() -> None:
    chance = generator(5)
    table = {f"c{i}": chance.integers(0, 30, 4000) for i in range(7)}
    found = discover(table, worst=30, samples=(500,), most_counts=3)
    assert not found.complete


@settings(max_examples=60)
@given(st.integers(0, 400), st.integers(1, 400), st.sampled_from([0.1, 1e-3, 1e-6]))
def test_the_bound_of_a_sample_is_wrong_no_more_often_than_stated(unique: int, size: int, error: float) -> None:
    # The bound depends on what the sample shows: add up the chances of all counts whose bound is below the truth.
    seen = np.arange(size + 1)
    wrong = [upper_bound(int(c), of=size, error=error) < unique / 400 - 1e-9 for c in seen]
    assert hypergeom(400, unique, size).pmf(seen[wrong]).sum() <= error * (1 + 1e-9)


def test_the_bound_is_no_wider_than_it_has_to_be() -> None:
    assert upper_bound(0, of=10_000, error=1e-6) < 0.0015
    assert upper_bound(5000, of=10_000, error=1e-6) < 0.53
    assert upper_bound(10_000, of=10_000, error=1e-6) == 1.0


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="confidence"):
        discover({"a": [1]}, confidence=1)
    with pytest.raises(InvalidParameter, match="'z'"):
        discover({"a": [1]}, columns=["z"])
    assert discover({"a": []}).combinations == ()


@given(tables)
def test_minimal_sample_uniques_are_those_of_the_definition(table: dict[str, list]) -> None:
    found = special_uniques(table, columns=NAMES, largest=3)
    scores = np.zeros(len(table["a"]))
    for size in (1, 2, 3):
        for columns in itertools.combinations(NAMES, size):
            smaller = [part for s in range(1, size) for part in itertools.combinations(columns, s)]
            minimal = unique_rows(table, columns).difference(*[unique_rows(table, part) for part in smaller])
            assert set(found.rows.get(columns, np.zeros(0)).tolist()) == minimal
            scores[list(minimal)] += float(np.prod([4 - i for i in range(size, 4)]))
    assert found.scores == pytest.approx(scores)
    assert found.special == int((scores > 0).sum())


def test_sizes_of_sets_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="largest is 3"):
        special_uniques({"a": [1], "b": [1]}, columns=["a", "b"], largest=3)


@pytest.mark.parametrize("sampled", [0.01, 0.3, 1.0])
def test_the_chance_of_a_right_match_is_that_of_the_file_shared_out_by_score(sampled: float) -> None:
    chance = generator(5)
    table = {f"c{i}": chance.integers(0, 6, 300) for i in range(4)}
    sizes = classes_of(table, quasi_identifiers=list(table)).sizes
    scores = special_uniques(table, columns=list(table), largest=3).scores
    made = intrusion_scores(scores, sizes=sizes, sampled=sampled, columns=4)
    alone, paired = sum(size == 1 for size in sizes), sum(size for size in sizes if size == 2)
    assert alone > 10
    assert paired > 10
    whole = alone * sampled / (alone * sampled + paired * (1 - sampled))
    power = 1 + (8 - 4) / 20
    total = sum(score**-power for score in scores if score)
    for score, found in zip(scores, made, strict=True):
        plain = 1 / (1 + (alone / whole - alone) / (score**power * total)) if score else 0.0
        assert found == pytest.approx(plain)


def test_a_share_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="sampled"):
        intrusion_scores(np.ones(2), sizes=np.ones(2, int), sampled=0, columns=3)
