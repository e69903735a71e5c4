"""Accuracy on untouched rows of what was learnt from treated ones."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from privet.core.errors import InvalidParameter
from privet.deidentify.codes import encode
from privet.deidentify.hierarchies import Bands, Suppression, Tree
from privet.deidentify.search.accuracy import accuracy_at, accuracy_in
from privet.deidentify.search.mondrian import mondrian
from privet.deidentify.search.utility import utility_of
from privet.noise.simulation import generator

HIERARCHIES = {
    "age": Bands(widths=(5, 20), lowest=0, highest=99),
    "work": Tree({"paid": ["town", "firm"], "unpaid": ["none", "house"]}),
    "sex": Suppression(),
}


@pytest.fixture(scope="module")
def people() -> dict[str, np.ndarray]:
    chance = generator(6)
    age, work = chance.integers(20, 90, 2000), chance.choice(["town", "firm", "none", "house"], 2000)
    score = (age - 55) / 12 + np.where(work == "town", 1.5, 0) - np.where(work == "firm", 1.5, 0)
    ill = chance.random(2000) < 1 / (1 + np.exp(-score))
    return {"age": age, "work": work, "sex": chance.choice(["f", "m"], 2000), "ill": ill}


def measured(people: dict, levels: tuple[int, ...], k: int = 1):
    named = dict(zip(HIERARCHIES, levels, strict=True))
    return accuracy_at(people, target="ill", levels=named, hierarchies=HIERARCHIES, k=k)


def test_what_nobody_generalised_teaches_as_much_as_the_original(people: dict) -> None:
    found = measured(people, (0, 0, 0))
    assert found.treated == found.original
    assert found.original > found.majority + 0.2
    assert found.majority == pytest.approx(max(people["ill"].mean(), 1 - people["ill"].mean()), abs=1e-9)


def test_the_more_is_generalised_the_less_is_taught(people: dict) -> None:
    fine, coarse, nothing = (measured(people, levels) for levels in ((1, 0, 1), (2, 1, 1), (3, 2, 1)))
    assert fine.treated > fine.original - 0.02
    assert fine.treated > coarse.treated + 0.02
    assert nothing.treated == pytest.approx(nothing.majority, abs=0.01)


def test_a_word_is_the_mean_of_what_it_covers_and_rows_are_tested_untouched(people: dict) -> None:
    """The whole of it, written out for one column of each kind."""
    age, work = people["age"].astype(float), people["work"]
    low, high = age.min(), age.max()
    scaled = lambda numbers: (np.asarray(numbers, float) - low) / (high - low)  # noqa: E731
    known = np.unique(age)
    bands = np.array([known[known // 20 == band].mean() for band in age // 20])
    names = ["firm", "house", "none", "town"]
    halves = {"town": "paid", "firm": "paid", "none": "unpaid", "house": "unpaid"}
    plain = np.array([[value == name for name in names] for value in work], float)
    shared = np.array([[0.5 * (halves[value] == halves[name]) for name in names] for value in work])
    raw = np.column_stack([scaled(age), plain])
    treated = np.column_stack([scaled(bands), shared])
    fold = np.empty(len(age), int)
    fold[np.argsort(people["ill"], kind="stable")] = np.arange(len(age)) % 5
    right = 0
    for number in range(5):
        train, test = fold != number, fold == number
        model = LogisticRegression(max_iter=1000).fit(treated[train], people["ill"][train])
        right += (model.predict(raw[test]) == people["ill"][test]).sum()
    levels = {"age": 2, "work": 1}
    found = accuracy_at(people, target="ill", levels=levels, hierarchies=HIERARCHIES, k=1)
    assert found.treated == pytest.approx(right / len(age), abs=0.003)


def test_rows_left_out_are_tested_and_not_trained_on(people: dict) -> None:
    found = measured(people, (0, 0, 0), k=2001)
    assert found.treated == found.majority
    assert found.original > found.majority


def test_mondrian_is_measured_alike(people: dict) -> None:
    plain, ranged = (mondrian(people, columns=["age", "work"], k=k) for k in (1, 10))
    exact, found = (accuracy_in(people, partition, target="ill") for partition in (plain, ranged))
    assert exact.treated == exact.original
    assert found.original == exact.original
    assert exact.treated - 0.05 < found.treated <= exact.treated + 0.02


def test_it_stands_beside_the_other_measures(people: dict) -> None:
    given = {"levels": {"age": 1}, "hierarchies": HIERARCHIES, "k": 2}
    found = utility_of(people, **given, target="ill")
    assert found.accuracy == accuracy_at(people, **given, target="ill")
    assert found.to_json()["accuracy"]["treated"] == found.accuracy.treated
    assert utility_of(people, **given).accuracy is None


def test_missing_cells_and_wrong_targets() -> None:
    table = {"age": [20, None, 40, 60] * 10, "ill": [0, 1, 0, 1] * 10, "one": [1] * 40}
    given = {"levels": {"age": 1}, "hierarchies": HIERARCHIES, "k": 1}
    assert accuracy_at(encode(table), target="ill", **given).original == 1
    with pytest.raises(InvalidParameter, match="'age'"):
        accuracy_at(table, target="age", **given)
    with pytest.raises(InvalidParameter, match="more than one value"):
        accuracy_at(table, target="one", **given)
    with pytest.raises(InvalidParameter, match="folds is 1"):
        accuracy_at(table, target="ill", folds=1, **given)
