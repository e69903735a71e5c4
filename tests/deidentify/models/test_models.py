"""Each model against its definition, written out slowly; and against pyCANON where that is installed."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections import Counter
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import privet.deidentify.models as family
from privet.core.errors import InvalidParameter
from privet.deidentify.anonymity import anonymity_of
from privet.deidentify.classes import Classes, classes_of
from privet.deidentify.models.beta_likeness import BetaLikeness, bounded_gain, relative_gain
from privet.deidentify.models.delta_disclosure import DeltaDisclosure, log_change
from privet.deidentify.models.delta_presence import DeltaPresence, presence
from privet.deidentify.models.distinct_l_diversity import DistinctLDiversity, distinct_l
from privet.deidentify.models.entropy_l_diversity import EntropyLDiversity, entropy_l
from privet.deidentify.models.k_anonymity import KAnonymity
from privet.deidentify.models.k_map import KMap, matches
from privet.deidentify.models.recursive_l_diversity import RecursiveLDiversity, recursive_c
from privet.deidentify.models.t_closeness import TCloseness, equal_distance, hierarchical_distance, ordered_distance
from tests.deidentify.tables import Rows, as_columns, plain_classes, plain_shares, rows

VALUES = (10, 20, 30, 40)


def classes(found: Rows) -> Classes:
    return classes_of(as_columns(found), quasi_identifiers=["one", "two"], sensitive="ill")


def shares(counter: Counter[Any]) -> dict[Any, float]:
    return {value: times / sum(counter.values()) for value, times in counter.items()}


@given(rows)
def test_l_diversity_is_that_of_the_definitions(found: Rows) -> None:
    plain = plain_classes(found)
    assert distinct_l(classes(found)).tolist() == [len(counter) for counter in plain]
    entropies = [-sum(q * math.log(q) for q in shares(counter).values()) for counter in plain]
    assert entropy_l(classes(found)) == pytest.approx([math.exp(found) for found in entropies])
    for l in (1, 2, 3):  # noqa: E741 - the model's own name
        falling = [sorted(counter.values(), reverse=True) for counter in plain]
        expected = [counts[0] / sum(counts[l - 1 :]) if len(counts) >= l else math.inf for counts in falling]
        assert recursive_c(classes(found), l=l) == pytest.approx(expected)


@given(rows)
def test_t_closeness_is_that_of_the_definitions(found: Rows) -> None:
    p, plain = plain_shares(found), plain_classes(found)
    values = sorted(p)
    gaps = [[shares(counter).get(value, 0.0) - p[value] for value in values] for counter in plain]
    assert equal_distance(classes(found)) == pytest.approx([sum(map(abs, gap)) / 2 for gap in gaps], abs=1e-12)
    steps = max(1, len(values) - 1)
    ordered = [float(np.abs(np.cumsum(gap)).sum()) / steps for gap in gaps]
    assert ordered_distance(classes(found)) == pytest.approx(ordered, abs=1e-12)


def tree_distance(excess: dict[int, float], levels: list[dict[int, int]]) -> float:
    """Section 5.2 of Li et al., node by node."""
    height, total, children = len(levels), 0.0, dict(excess)
    for h, level in enumerate(levels, start=1):
        sums: dict[int, list[float]] = {}
        for child, value in children.items():
            sums.setdefault(level[child], []).append(value)
        total += sum(
            h / height * min(sum(v for v in vs if v > 0), -sum(v for v in vs if v < 0)) for vs in sums.values()
        )
        children = {node: sum(values) for node, values in sums.items()}
    return total


@given(rows)
def test_the_hierarchical_distance_is_that_of_moving_earth_through_the_tree(found: Rows) -> None:
    present = sorted({row[2] for row in found})
    halves = [VALUES.index(value) // 2 for value in present]
    maps = [np.array(halves), np.zeros(len(present), dtype=int)]
    p = plain_shares(found)
    levels = [dict(zip(range(len(present)), halves, strict=True)), dict.fromkeys(halves, 0)]
    expected = [
        tree_distance({i: shares(c).get(v, 0.0) - p[v] for i, v in enumerate(present)}, levels)
        for c in plain_classes(found)
    ]
    assert hierarchical_distance(classes(found), levels=maps) == pytest.approx(expected, abs=1e-12)
    # A tree of height one is the equal distance.
    assert hierarchical_distance(classes(found), levels=maps[1:]) == pytest.approx(equal_distance(classes(found)))


@given(rows)
def test_gains_and_changes_are_those_of_the_definitions(found: Rows) -> None:
    p, plain = plain_shares(found), plain_classes(found)
    gains = [{v: (q - p[v]) / p[v] for v, q in shares(counter).items()} for counter in plain]
    assert relative_gain(classes(found)) == pytest.approx([max(gain.values()) for gain in gains], abs=1e-12)
    for class_, gain in zip(bounded_gain(classes(found)), gains, strict=True):
        broken = any(g > -math.log(p[v]) + 1e-9 for v, g in gain.items())
        assert class_ == (math.inf if broken else pytest.approx(max(gain.values()), abs=1e-12))
    changes = [max(abs(math.log(q / p[v])) for v, q in shares(counter).items()) for counter in plain]
    assert log_change(classes(found), absent_counts=False) == pytest.approx(changes, abs=1e-12)
    every = [math.inf if len(counter) < len(p) else change for counter, change in zip(plain, changes, strict=True)]
    assert log_change(classes(found)) == pytest.approx(every, abs=1e-12)


@given(rows, rows)
def test_presence_and_k_map_are_those_of_the_definitions(first: Rows, more: Rows) -> None:
    table, population = as_columns(first), as_columns(first + more)
    quasi = ["one", "two"]
    here, everywhere = Counter(row[:2] for row in first), Counter(row[:2] for row in first + more)
    found = presence(table, population, quasi_identifiers=quasi)
    assert sorted(found) == pytest.approx(sorted(here[key] / everywhere[key] for key in everywhere))
    assert sorted(matches(table, population, quasi_identifiers=quasi)) == sorted(everywhere[key] for key in here)
    assert DeltaPresence(0, 1).meets(table, population, quasi_identifiers=quasi).all()
    assert KMap(1).meets(table, population, quasi_identifiers=quasi).all()


def test_a_table_that_is_no_part_of_the_population_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="1 classes"):
        presence({"a": [1, 1]}, {"a": [1, 2]}, quasi_identifiers=["a"])
    assert not KMap(1).meets({"a": [3]}, {"a": [1]}, quasi_identifiers=["a"]).any()


@given(rows)
def test_a_requirement_holds_exactly_up_to_the_measured_figure(found: Rows) -> None:
    made = classes(found)
    measured = anonymity_of(as_columns(found), quasi_identifiers=["one", "two"], sensitive="ill")
    assert KAnonymity(measured.k).meets(made).all()
    assert not KAnonymity(measured.k + 1).meets(made).all()
    assert DistinctLDiversity(measured.distinct_l).meets(made).all()
    assert not DistinctLDiversity(measured.distinct_l + 1).meets(made).all()
    assert EntropyLDiversity(measured.entropy_l).meets(made).all()
    assert not EntropyLDiversity(measured.entropy_l * 1.001).meets(made).all()
    assert TCloseness(min(1.0, measured.t)).meets(made).all()
    assert measured.t < 1e-9 or not TCloseness(measured.t * 0.999).meets(made).all()
    assert BetaLikeness(measured.beta + 1e-6, enhanced=False).meets(made).all()
    assert measured.beta < 1e-6 or not BetaLikeness(measured.beta * 0.999, enhanced=False).meets(made).all()
    assert math.isinf(measured.delta_disclosure) or DeltaDisclosure(measured.delta_disclosure + 1e-9).meets(made).all()
    worst = recursive_c(made, l=1).max()
    assert RecursiveLDiversity(worst * 1.001, 1).meets(made).all()
    assert not RecursiveLDiversity(worst, 1).meets(made).all()


def test_an_empty_table_meets_every_model_of_classes() -> None:
    empty = classes([])
    models = [KAnonymity(5), DistinctLDiversity(2), EntropyLDiversity(2), RecursiveLDiversity(2, 2), TCloseness(0.1),
              TCloseness(0.1, distance="ordered"), BetaLikeness(1), DeltaDisclosure(1)]  # fmt: skip
    assert all(model.meets(empty).shape == (0,) for model in models)
    assert anonymity_of(as_columns([]), quasi_identifiers=["one"], sensitive="ill").k == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: KAnonymity(0), lambda: KAnonymity(True), lambda: DistinctLDiversity(0), lambda: EntropyLDiversity(0.5),
        lambda: RecursiveLDiversity(0, 2), lambda: RecursiveLDiversity(1, 0), lambda: TCloseness(1.5),
        lambda: TCloseness(0.1, distance="hierarchical"), lambda: TCloseness(0.1, distance="far"),
        lambda: BetaLikeness(0), lambda: DeltaDisclosure(math.nan), lambda: DeltaPresence(0.5, 0.2), lambda: KMap(0),
    ],
)  # fmt: skip
def test_a_limit_that_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(InvalidParameter):
        make()


def test_trees_that_are_none_are_refused() -> None:
    made = classes([("a", 1, 10), ("a", 1, 20), ("b", 1, 30)])
    with pytest.raises(InvalidParameter, match="one root"):
        hierarchical_distance(made, levels=[np.array([0, 0, 1])])
    with pytest.raises(InvalidParameter, match="3 values"):
        hierarchical_distance(made, levels=[np.array([0, 0])])
    with pytest.raises(InvalidParameter, match="share every higher one"):
        hierarchical_distance(made, levels=[np.array([0, 0, 1]), np.array([0, 1, 1]), np.zeros(3)])


def test_every_model_file_names_its_model_with_a_reference() -> None:
    for item in pkgutil.iter_modules(family.__path__):
        model = importlib.import_module(f"{family.__name__}.{item.name}").MODEL
        assert fields(model)
        assert "Guarantee:" in model.__doc__
        assert "Reference:" in model.__doc__


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("pqr")), min_size=2,
                max_size=40))  # fmt: skip
def test_pycanon_finds_the_same(found: Rows) -> None:
    pycanon = pytest.importorskip(
        "pycanon.anonymity", reason="pyCANON is not installed; benchmarks/anonymity_peers.txt names it"
    )
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(as_columns(found))
    quasi, made = ["one", "two"], anonymity_of(as_columns(found), quasi_identifiers=["one", "two"], sensitive="ill")
    assert made.k == pycanon.k_anonymity(table, quasi)
    assert made.distinct_l == pycanon.l_diversity(table, quasi, ["ill"])
    # pyCANON cuts to a whole number, sometimes one too low by the last bit of its logarithm.
    assert made.entropy_l - 1.000001 <= pycanon.entropy_l_diversity(table, quasi, ["ill"]) <= made.entropy_l + 1e-6
    assert made.t == pytest.approx(pycanon.t_closeness(table, quasi, ["ill"]), abs=1e-9)
    assert made.beta == pytest.approx(pycanon.basic_beta_likeness(table, quasi, ["ill"]), abs=1e-9)
    # It leaves absent values out of delta-disclosure, and takes the larger of two bounds for the enhanced beta.
    changes = log_change(classes(found), absent_counts=False)
    assert changes.max() == pytest.approx(pycanon.delta_disclosure(table, quasi, ["ill"]), abs=1e-9)
    numbers = table.assign(ill=table["ill"].map({"p": 1, "q": 2, "r": 3}))
    if numbers["ill"].nunique() > 1:
        ordered = anonymity_of(numbers, quasi_identifiers=quasi, sensitive="ill", ordered=True)
        assert ordered.t == pytest.approx(pycanon.t_closeness(numbers, quasi, ["ill"]), abs=1e-9)
