"""What values are called at each level, and what that loses."""

from __future__ import annotations

import pytest

from privet.core.errors import InvalidParameter
from privet.deidentify.hierarchies import Bands, Hierarchy, Prefixes, Suppression, Tree

PAID = {"paid": {"state": ["town", "country"], "private": ["firm"]}, "unpaid": ["none"]}


def words(hierarchy: Hierarchy, labels: list) -> list[list]:
    ladder = hierarchy.climb(labels)
    return [[names[code] for code in codes] for codes, names in zip(ladder.codes, ladder.names, strict=True)]


def losses(hierarchy: Hierarchy, labels: list) -> list[list[float]]:
    ladder = hierarchy.climb(labels)
    return [[float(loss[code]) for code in codes] for codes, loss in zip(ladder.codes, ladder.loss, strict=True)]


def test_bands_grow_and_code_what_lies_beyond_as_the_last() -> None:
    ages = Bands(widths=(5, 20), lowest=1, highest=100)
    found = words(ages, [1, 17, 100, 130, None])
    assert found[1] == ["1-5", "16-20", "96-100", "96-100", None]
    assert found[2] == ["1-20", "1-20", "81-100", "81-100", None]
    assert found[3] == ["*"] * 5
    assert losses(ages, [17])[1:] == [[4 / 99], [19 / 99], [1.0]]


def test_bands_of_measured_numbers_are_intervals() -> None:
    weights = Bands(widths=(10.0,), lowest=0, highest=100, whole=False)
    assert words(weights, [9.99, 10.0, 100.0])[1] == ["0-10", "10-20", "90-100"]
    assert losses(weights, [3.5])[1] == [0.1]


def test_prefixes_keep_fewer_characters() -> None:
    codes = Prefixes(keep=(3, 1))
    assert words(codes, ["10042", "10617", "80799"])[1:] == [
        ["100**", "106**", "807**"], ["1**", "1**", "8**"], ["*", "*", "*"]
    ]  # fmt: skip
    assert losses(codes, ["10042", "10617", "80799"])[2] == [0.5, 0.5, 0.0]


def test_trees_go_up_by_their_groups_and_count_their_own_values() -> None:
    assert words(Tree(PAID), ["town", "firm", "none"]) == [
        ["town", "firm", "none"], ["state", "private", "unpaid"], ["paid", "paid", "unpaid"], ["*"] * 3
    ]  # fmt: skip
    assert losses(Tree(PAID), ["town", "none"])[1:3] == [[1 / 3, 0.0], [2 / 3, 0.0]]


def test_suppression_is_all_or_nothing() -> None:
    assert words(Suppression(), ["x", "y"]) == [["x", "y"], ["*", "*"]]


def test_each_step_follows_from_the_level_below() -> None:
    ladder = Tree(PAID).climb(["town", "country", "firm", "none"])
    for low in range(ladder.height):
        for high in range(low, ladder.height):
            assert (ladder.step(low, high)[ladder.codes[low]] == ladder.codes[high]).all()


def test_hierarchies_that_cannot_be_are_refused_without_data() -> None:
    for make in (
        lambda: Bands(widths=(5, 12), lowest=0, highest=99),
        lambda: Bands(widths=(), lowest=0, highest=99),
        lambda: Prefixes(keep=(1, 3)),
        lambda: Tree({"a": ["x"], "b": ["x"]}),
        lambda: Tree({"a": "x"}),
    ):
        with pytest.raises(InvalidParameter):
            make()
    with pytest.raises(InvalidParameter, match="lacks 1") as caught:
        Tree(PAID).climb(["secret"])
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidParameter, match="1 values"):
        Bands(widths=(5,), lowest=0, highest=9).climb(["secret"])
