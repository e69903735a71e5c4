"""The exact search against trying every node, and the measures of what is left against their definitions."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Cells, Classes
from privet.deidentify.hierarchies import Bands, Prefixes, Suppression, Tree
from privet.deidentify.models.beta_likeness import BetaLikeness
from privet.deidentify.models.delta_disclosure import DeltaDisclosure
from privet.deidentify.models.distinct_l_diversity import DistinctLDiversity
from privet.deidentify.models.entropy_l_diversity import EntropyLDiversity
from privet.deidentify.models.k_anonymity import k as k_of
from privet.deidentify.models.k_map import KMap
from privet.deidentify.models.recursive_l_diversity import RecursiveLDiversity
from privet.deidentify.models.t_closeness import TCloseness
from privet.deidentify.search.full_domain import best_full_domain
from privet.deidentify.search.groups import joined
from privet.deidentify.search.rewrite import generalised
from privet.deidentify.search.utility import utility_of

HIERARCHIES = {
    "age": Bands(widths=(5, 10), lowest=0, highest=19),
    "code": Prefixes(keep=(1,)),
    "sex": Suppression(),
    "work": Tree({"paid": ["town", "firm"], "unpaid": ["none"]}),
}
cells = st.tuples(
    st.sampled_from([None, *range(20)]), st.sampled_from(["10", "11", "20"]), st.sampled_from("fm"),
    st.sampled_from(["town", "firm", "none"]),
)  # fmt: skip
tables = st.lists(cells, min_size=1, max_size=40).map(
    lambda rows: {name: [row[i] for row in rows] for i, name in enumerate(HIERARCHIES)}
)


def plain_loss(table: dict[str, list], levels: tuple[int, ...], k: int) -> tuple[float, int]:
    """Mean loss of a cell and rows left out, row by row."""
    ladders = {name: HIERARCHIES[name].climb(list(dict.fromkeys(table[name]))) for name in HIERARCHIES}
    place = {name: {v: i for i, v in enumerate(dict.fromkeys(table[name]))} for name in HIERARCHIES}
    rows = []
    for number in range(len(table["age"])):
        at = zip(HIERARCHIES, levels, strict=True)
        codes = [ladders[n].codes[level][place[n][table[n][number]]] for n, level in at]
        rows.append(tuple(int(code) for code in codes))
    counts = Counter(rows)
    total = 0.0
    for row in rows:
        if counts[row] < k:
            total += 1
        else:
            total += sum(ladders[n].loss[level][c] for n, level, c in zip(HIERARCHIES, levels, row, strict=True)) / 4
    return float(total / len(rows)), sum(times for times in counts.values() if times < k)


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from([2, 3]), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_no_node_is_better_than_the_one_found(table: dict[str, list], k: int, suppress: float) -> None:
    rows = len(table["age"])
    nodes = list(itertools.product(range(4), range(3), range(2), range(3)))
    plain = {node: plain_loss(table, node, k) for node in nodes}
    allowed = [loss for loss, out in plain.values() if out <= suppress * rows]
    if not allowed:
        with pytest.raises(InvalidParameter, match="anonymous"):
            best_full_domain(table, hierarchies=HIERARCHIES, k=k, suppress=suppress)
        return
    found = best_full_domain(table, hierarchies=HIERARCHIES, k=k, suppress=suppress)
    assert found.loss == pytest.approx(min(allowed))
    assert plain[tuple(found.levels.values())] == (pytest.approx(found.loss), found.suppressed)
    assert found.lattice == len(nodes)


MODELS = [
    (DistinctLDiversity(2),), (EntropyLDiversity(1.7),), (RecursiveLDiversity(2.0, 2),), (TCloseness(0.3),),
    (TCloseness(0.2, "ordered"),), (BetaLikeness(0.8),), (BetaLikeness(1.0, enhanced=False),), (DeltaDisclosure(1.2),),
    (DistinctLDiversity(2), TCloseness(0.4)),
]  # fmt: skip


def plain_under(table: dict[str, list], levels: tuple[int, ...], k: int, models: tuple) -> tuple[float, int]:
    """Mean loss of a cell and rows left out, where a class must also meet models: class after class."""
    whole = Counter(table["ill"])
    labels = sorted(whole)
    overall = np.array([whole[value] for value in labels]) / len(table["ill"])
    parts: dict[tuple, list[int]] = {}
    words, losses = {}, {}
    for (name, hierarchy), level in zip(HIERARCHIES.items(), levels, strict=True):
        values = list(dict.fromkeys(table[name]))
        ladder = hierarchy.climb(values)
        words[name] = {value: int(ladder.codes[level][i]) for i, value in enumerate(values)}
        losses[name] = ladder.loss[level]
    for number in range(len(table["ill"])):
        parts.setdefault(tuple(words[name][table[name][number]] for name in HIERARCHIES), []).append(number)
    total, out = 0.0, 0
    for key, numbers in parts.items():
        inside = Counter(labels.index(table["ill"][number]) for number in numbers)
        value = np.array(sorted(inside))
        count = np.array([inside[code] for code in sorted(inside)])
        cells = Cells(np.zeros(len(value), int), value, count, np.array([0]), overall, tuple(labels))
        one = Classes(np.array([len(numbers)]), cells)
        if len(numbers) >= k and all(model.meets(one)[0] for model in models):
            total += len(numbers) * sum(losses[name][code] for name, code in zip(HIERARCHIES, key, strict=True)) / 4
        else:
            total, out = total + len(numbers), out + len(numbers)
    return float(total / len(table["ill"])), out


@settings(max_examples=120, deadline=None)
@given(tables, st.data(), st.sampled_from(MODELS), st.sampled_from([1, 2]), st.sampled_from([0.0, 0.2, 0.6, 1.0]))
def test_no_node_is_better_than_the_one_found_under_models(
    table: dict[str, list], data: st.DataObject, models: tuple, k: int, suppress: float
) -> None:
    rows = len(table["age"])
    table = {**table, "ill": data.draw(st.lists(st.sampled_from([1, 2, 3]), min_size=rows, max_size=rows))}
    nodes = list(itertools.product(range(4), range(3), range(2), range(3)))
    plain = {node: plain_under(table, node, k, models) for node in nodes}
    allowed = [loss for loss, out in plain.values() if out <= suppress * rows]
    given_ = {"hierarchies": HIERARCHIES, "k": k, "models": models, "sensitive": "ill"}
    if not allowed:
        with pytest.raises(InvalidParameter, match="under these models"):
            best_full_domain(table, suppress=suppress, **given_)
        return
    found = best_full_domain(table, suppress=suppress, **given_)
    assert found.loss == pytest.approx(min(allowed))
    assert plain[tuple(found.levels.values())] == (pytest.approx(found.loss), found.suppressed)
    made = generalised(table, levels=found.levels, **given_)
    measured = utility_of(table, levels=found.levels, **given_)
    assert (measured.loss, measured.suppressed) == (pytest.approx(found.loss), found.suppressed)
    assert rows - len(made["ill"]) == found.suppressed


def test_rows_left_out_under_a_model_above_may_stay_below() -> None:
    """Why a search may not draw on what a model of unions leaves out: a rare class spoils the one that it joins."""
    table = {"age": [0] * 4 + [1] * 6, "ill": [1, 1, 2, 2, 1, 1, 1, 1, 1, 1]}
    hierarchies, models = {"age": HIERARCHIES["age"]}, (EntropyLDiversity(1.95),)
    given_ = {"hierarchies": hierarchies, "k": 2, "models": models, "sensitive": "ill"}
    assert [len(generalised(table, levels={"age": level}, **given_)["age"]) for level in range(4)] == [4, 0, 0, 0]
    found = best_full_domain(table, suppress=0.6, **given_)
    assert (found.levels, found.suppressed) == ({"age": 0}, 6)


def test_a_model_that_no_search_can_hold_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="KMap does not judge"):
        best_full_domain({"sex": ["f"]}, hierarchies={"sex": Suppression()}, k=1, suppress=0, models=[KMap(2)])
    with pytest.raises(InvalidParameter, match="needs a sensitive column"):
        best_full_domain(
            {"sex": ["f"]}, hierarchies={"sex": Suppression()}, k=1, suppress=0, models=[DistinctLDiversity(1)]
        )


def test_many_columns_of_many_values_are_searched_without_overflow() -> None:
    chance = np.arange(300)
    table = {f"c{i}": (chance * (7 * i + 3) % 150).tolist() for i in range(10)}
    hierarchies = {name: Suppression() for name in table}
    assert best_full_domain(table, hierarchies=hierarchies, k=2, suppress=0.2).suppressed <= 60


def test_most_nodes_of_a_lattice_need_no_look() -> None:
    numbers = np.arange(3000)
    table = {
        "age": (numbers * 7919 % 20).tolist(), "code": [["10", "11", "20"][n * 31 % 3] for n in numbers],
        "sex": ["fm"[n * 17 % 2] for n in numbers], "work": [["town", "firm", "none"][n * n % 3] for n in numbers],
    }  # fmt: skip
    found = best_full_domain(table, hierarchies=HIERARCHIES, k=50, suppress=0.05)
    assert found.evaluated < found.lattice / 2


@settings(max_examples=60, deadline=None)
@given(tables, st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)))
def test_the_table_at_some_levels_is_k_anonymous_and_measured_by_the_definitions(
    table: dict[str, list], node: tuple[int, ...]
) -> None:
    levels, rows, k = dict(zip(HIERARCHIES, node, strict=True)), len(table["age"]), 3
    made = generalised(table, levels=levels, hierarchies=HIERARCHIES, k=k)
    assert len(made["age"]) == 0 or k_of(made, quasi_identifiers=tuple(levels)) >= k
    found = utility_of(table, levels=levels, hierarchies=HIERARCHIES, k=k)
    assert (found.loss, found.suppressed) == (pytest.approx(plain_loss(table, node, k)[0]), rows - len(made["age"]))
    assert found.granularity == pytest.approx(1 - found.loss)
    counts = Counter(zip(*made.values(), strict=True))
    assert found.discernibility == sum(c * c for c in counts.values()) + found.suppressed * rows
    assert found.average_class_size == pytest.approx(len(made["age"]) / len(counts) / k if counts else 0)
    climbed = sum(level / top for level, top in zip(node, (3, 2, 1, 2), strict=True)) / 4
    assert found.precision == pytest.approx((1 - climbed) * len(made["age"]) / rows)


def test_nonuniform_entropy_is_the_bits_to_find_values_again() -> None:
    table = {"work": ["town", "town", "firm", "none"]}
    hierarchies = {"work": HIERARCHIES["work"]}
    all_bits = -(2 * math.log2(2 / 4) + math.log2(1 / 4) * 2)
    group_bits = -(2 * math.log2(2 / 3) + math.log2(1 / 3))
    found = utility_of(table, levels={"work": 1}, hierarchies=hierarchies, k=1)
    assert found.nonuniform_entropy == pytest.approx(group_bits / all_bits)
    assert utility_of(table, levels={"work": 0}, hierarchies=hierarchies, k=1).nonuniform_entropy == 0
    assert utility_of(table, levels={"work": 0}, hierarchies=hierarchies, k=9).nonuniform_entropy == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=40), st.sampled_from([10, 2**62]))
def test_joined_keys_are_summed(found: list[tuple[int, int]], size: int) -> None:
    key, weights = np.array([f[0] for f in found]), np.array([f[1] for f in found])
    first, sums = joined(key, size, weights)
    plain: Counter[int] = Counter()
    for value, weight in found:
        plain[value] += weight
    assert dict(zip(key[first].tolist(), sums.tolist(), strict=True)) == dict(plain)


def test_the_same_kind_of_table_comes_out() -> None:
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    table = {"work": ["town", "firm", "none"], "kept": [1, 2, 3]}
    expected = {"work": ["paid", "paid"], "kept": [1, 2]}
    tables = [pandas.DataFrame(table), pyarrow.table(table)]
    try:
        import polars
    except ImportError:
        pass
    else:
        tables.append(polars.DataFrame(table))
    for given_ in tables:
        made = generalised(given_, levels={"work": 1}, hierarchies=HIERARCHIES, k=2)
        assert type(made) is type(given_)
        found = made.to_pydict() if hasattr(made, "to_pydict") else {n: made[n].to_list() for n in ("work", "kept")}
        assert found == expected


def test_settings_that_cannot_be_are_refused() -> None:
    table = {"sex": ["f", "m"]}
    with pytest.raises(InvalidParameter, match="suppress"):
        best_full_domain(table, hierarchies={"sex": Suppression()}, k=2, suppress=5)
    with pytest.raises(InvalidParameter, match="'sex': the tree lacks 2"):
        best_full_domain(table, hierarchies={"sex": HIERARCHIES["work"]}, k=2, suppress=0)
    with pytest.raises(InvalidParameter, match="no hierarchy"):
        generalised(table, levels={"sex": 1}, hierarchies={}, k=2)
    with pytest.raises(InvalidParameter, match="levels 0 to 1"):
        generalised(table, levels={"sex": 2}, hierarchies={"sex": Suppression()}, k=2)
