"""The risk that is counted while pieces pass by is that of the two files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.deidentify.before_after import RiskWatch, watched_columns
from privet.deidentify.measure import kept, summary
from privet.deidentify.policy import read_policy
from privet.deidentify.stream import deidentify_file

pyarrow = pytest.importorskip("pyarrow")
pandas = pytest.importorskip("pandas")
rows = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3)), min_size=1, max_size=40)
SCHEMA = pyarrow.schema([("one", pyarrow.string()), ("two", pyarrow.int64())])


def as_table(found: list[tuple]) -> object:
    return pyarrow.table({"one": [row[0] for row in found], "two": [row[1] for row in found]}, schema=SCHEMA)


@settings(deadline=None)
@given(rows, st.integers(1, 10))
def test_pieces_give_the_figures_of_the_whole(found: list[tuple], size: int) -> None:
    before = as_table(found)
    after = before.drop_columns("two")
    watch = RiskWatch(("one", "two"))
    for start in range(0, len(found), size):
        watch.see(before.slice(start, size), after.slice(start, size))
    report = watch.report()
    assert report["before"] == summary(before, columns=["one", "two"])
    assert report["after"] == summary(after, columns=["one"])
    assert report["kept"] == pytest.approx(kept(before, after, columns=["one", "two"]))


@settings(deadline=None)
@given(rows)
def test_what_is_kept_is_what_its_definition_says(found: list[tuple]) -> None:
    table = as_table(found)
    assert kept(table, table, columns=["one", "two"])["blank"] == 0
    assert kept(table, table, columns=["one", "two"])["information"] == pytest.approx(1)
    gone = kept(table, table.drop_columns("two"), columns=["one", "two"])
    filled = len(found) + sum(row[0] is not None for row in found)
    assert gone["blank"] == pytest.approx(len(found) / filled)
    values = [len({row[place] for row in found}) > 1 for place in (0, 1)]
    if any(values):
        assert gone["information"] == pytest.approx(values[0] / sum(values))


def test_a_file_leaves_with_the_risk_of_what_it_was_and_is(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    frame = pandas.DataFrame({"born": [f"19{50 + n % 40}-01-02" for n in range(300)], "sex": ["f", "m", "m"] * 100})
    frame.to_csv(path, index=False)
    policy = read_policy({"others": "keep", "columns": {"born": {"operator": "generalise_date", "to": "decade"}}})
    watch, sink = RiskWatch(watched_columns(path, policy)), io.BytesIO()
    deidentify_file(path, sink, name="safe.csv", policy=policy, key=bytes(32), seen=watch.see)
    report, safe = watch.report(), pandas.read_csv(io.BytesIO(sink.getvalue()), dtype=str)
    assert report["columns"] == ["born", "sex"]
    assert report["before"]["k"] == frame.groupby(["born", "sex"]).size().min()
    assert report["after"]["k"] == safe.groupby(["born", "sex"]).size().min() > report["before"]["k"]


def test_the_policy_says_what_others_may_know(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("sex,shoe,mail\n" + "f,40,a\nm,41,b\n" * 20, encoding="utf-8")
    assert watched_columns(path, read_policy({"others": "keep"})) == ("sex",)
    named = read_policy({"others": "keep", "risk": {"quasi_identifiers": ["shoe", "sex", "shoe"]}})
    assert watched_columns(path, named) == ("shoe", "sex")
    by_role = read_policy({"others": "keep", "columns": {"shoe": {"role": "quasi-identifier"}}})
    assert watched_columns(path, by_role) == ("sex", "shoe")
    with pytest.raises(InvalidParameter, match="'hat'"):
        read_policy({"others": "keep", "risk": {"quasi_identifiers": ["hat"]}}).check_columns(["sex"])


@pytest.mark.parametrize(
    "risk", [[], "sex", {"columns": ["a"]}, {"quasi_identifiers": "sex"}, {"quasi_identifiers": [1]}]
)
def test_what_is_no_list_of_columns_is_refused(risk: object) -> None:
    with pytest.raises(InvalidParameter, match="one key: quasi_identifiers"):
        read_policy({"others": "keep", "risk": risk})
