"""Prosecutor, journalist and marketer against their definitions; the linkage attack against a plain one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.attackers import attacker_risks
from privet.deidentify.linkage import link
from tests.deidentify.tables import Rows, as_columns, rows

QUASI = ["one", "two"]


@given(rows, rows)
def test_each_attacker_is_right_as_often_as_the_definition_says(found: Rows, more: Rows) -> None:
    here, everywhere = Counter(row[:2] for row in found), Counter(row[:2] for row in found + more)
    n = len(found)
    risks = attacker_risks(as_columns(found), quasi_identifiers=QUASI, population=as_columns(found + more))
    assert risks.prosecutor_max == 1 / min(here.values())
    assert risks.prosecutor_mean == pytest.approx(sum(1 / here[row[:2]] for row in found) / n)
    assert risks.prosecutor_at_risk == pytest.approx(sum(1 / here[row[:2]] > 0.2 for row in found) / n)
    assert risks.journalist_max == 1 / min(everywhere[key] for key in here)
    assert risks.journalist_at_risk == pytest.approx(sum(1 / everywhere[row[:2]] > 0.2 for row in found) / n)
    assert risks.marketer == pytest.approx(sum(1 / everywhere[row[:2]] for row in found) / n)
    reverse = len(here) / sum(everywhere[key] for key in here)
    assert risks.journalist_mean == pytest.approx(max(reverse, risks.marketer))
    alone = attacker_risks(as_columns(found), quasi_identifiers=QUASI)
    assert alone.marketer == pytest.approx(alone.prosecutor_mean)
    assert alone.journalist_max is None


def test_a_row_that_the_list_lacks_cannot_be_matched() -> None:
    risks = attacker_risks({"a": [1, 2]}, quasi_identifiers=["a"], population={"a": [1]})
    assert (risks.marketer, risks.journalist_max) == (0.5, 1.0)
    with pytest.raises(InvalidParameter, match="threshold"):
        attacker_risks({"a": [1]}, quasi_identifiers=["a"], threshold=2)


pairs_of_columns = st.lists(st.tuples(st.integers(0, 6), st.sampled_from("xyz")), max_size=25)


@given(pairs_of_columns, pairs_of_columns)
def test_a_pair_is_claimed_where_it_is_unique_in_both_files(known: list, released: list) -> None:
    tables = [{"a": [r[0] for r in t], "b": [r[1] for r in t], "who": list(range(len(t)))} for t in (known, released)]
    found = link(*tables, on=["a", "b"], truth="who")
    plain = [
        [known.index(row), released.index(row)] for row in known if known.count(row) == 1 and released.count(row) == 1
    ]
    assert sorted(found.pairs.tolist()) == sorted(plain)
    assert found.right == sum(one == two for one, two in plain)
    assert found.reidentified == pytest.approx(found.right / max(1, len(released)))


def test_people_are_found_again_in_a_file_without_names_and_a_wider_band_hides_them() -> None:
    births = [1900 + i for i in range(100)]
    known = {"name": [f"n{i}" for i in range(100)], "born": births, "who": list(range(100))}
    found = link(known, {"born": births[::-1], "who": list(range(100))[::-1]}, on=["born"], truth="who")
    assert (found.precision, found.reidentified) == (1.0, 1.0)
    decades = [year // 10 for year in births]
    hidden = link({**known, "born": decades}, {"born": decades, "who": list(range(100))}, on=["born"], truth="who")
    assert len(hidden.pairs) == 0
    assert hidden.precision is None


def test_a_misspelt_column_is_tolerated_and_no_row_is_claimed_twice() -> None:
    known = {"a": [1, 2, 3], "b": [1, 2, 3], "c": [1, 2, 3], "who": [0, 1, 2]}
    released = {"a": [1, 2, 9], "b": [1, 8, 3], "c": [1, 2, 3], "who": [0, 1, 2]}
    assert len(link(known, released, on=["a", "b", "c"]).pairs) == 1
    found = link(known, released, on=["a", "b", "c"], truth="who", tolerate=1)
    assert found.right == 3
    assert np.unique(found.pairs[:, 0]).size == np.unique(found.pairs[:, 1]).size == 3
    with pytest.raises(InvalidParameter, match="tolerate"):
        link(known, released, on=["a"], tolerate=1)
