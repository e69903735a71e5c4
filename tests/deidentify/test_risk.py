"""k and uniqueness against the plain definition."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.models.k_anonymity import class_sizes, k
from privet.deidentify.risk import reidentification_risk
from privet.noise.simulation import generator

pandas = pytest.importorskip("pandas")

rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from([None, 1.5, 2.5])), min_size=1, max_size=60
)


@given(rows)
def test_groups_are_those_of_equal_rows(found: list[tuple]) -> None:
    table = pandas.DataFrame(found, columns=["a", "b", "c"])
    plain = sorted(Counter(found).values())
    assert sorted(class_sizes(table, quasi_identifiers=("a", "b", "c")).tolist()) == plain
    report = reidentification_risk(table, quasi_identifiers=("a", "b", "c"))
    assert report.k == plain[0] == k(table, quasi_identifiers=("a", "b", "c"))
    assert report.groups == len(plain)
    assert report.unique_rows == plain.count(1)
    assert report.prosecutor_mean == pytest.approx(len(plain) / len(found))
    assert sum(share for _, share in report.bands) == pytest.approx(1)


def test_many_wide_columns_do_not_overflow_the_packed_key() -> None:
    chance = generator(1)
    base = chance.integers(0, 10**6, (3000, 8))
    table = pandas.DataFrame(base[chance.integers(0, 3000, 6000)])
    table.columns = [f"c{i}" for i in range(8)]
    columns = tuple(table.columns)
    assert sorted(class_sizes(table, quasi_identifiers=columns)) == sorted(
        Counter(map(tuple, table.to_numpy())).values()
    )


def test_the_worst_combinations_are_named_smallest_first() -> None:
    table = pandas.DataFrame({"day": range(100), "sex": ["f", "m"] * 50, "town": [i // 10 for i in range(100)]})
    found = reidentification_risk(table, quasi_identifiers=("day", "sex", "town"))
    assert found.dangerous[0].columns == ("day",)
    assert found.dangerous[0].unique_share == 1
    # A set that holds a part that is as bad is not named again.
    assert all("day" not in item.columns for item in found.dangerous[1:])


def test_empty_tables_and_wrong_columns() -> None:
    empty = reidentification_risk(pandas.DataFrame({"a": []}), quasi_identifiers=("a",))
    assert (empty.k, empty.unique_share) == (0, 0.0)
    with pytest.raises(InvalidParameter, match="'b'"):
        reidentification_risk(pandas.DataFrame({"a": [1]}), quasi_identifiers=("b",))
    with pytest.raises(InvalidParameter, match="at least one"):
        k(pandas.DataFrame({"a": [1]}), quasi_identifiers=())
