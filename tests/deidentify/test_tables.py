"""Tables of pandas, Arrow and Polars are treated alike and come out as they went in."""

from __future__ import annotations

import pytest

from privet.core.errors import InvalidParameter
from privet.deidentify.policy import read_policy
from privet.deidentify.transform import deidentify

pandas = pytest.importorskip("pandas")
arrow = pytest.importorskip("pyarrow")

KEY = bytes(range(32))
POLICY = read_policy(
    {
        "others": "keep",
        "columns": {
            "id": {"operator": "pseudonymise"},
            "age": {"operator": "generalise_number", "lowest": 0, "highest": 90, "width": 10},
            "secret": {"operator": "drop"},
        },
    }
)
COLUMNS = {"id": [12, None, 2**60 + 1], "age": [31, 45, None], "secret": ["x", "y", "z"], "n": [1, None, 3]}


def treated_arrow():
    return deidentify(arrow.table(COLUMNS), policy=POLICY, key=KEY, findings=())


def test_an_arrow_table_comes_out_as_one_and_kept_columns_are_untouched() -> None:
    source, out = arrow.table(COLUMNS), treated_arrow()
    assert isinstance(out, arrow.Table)
    assert out.column_names == ["id", "age", "n"]
    assert out.column("n").equals(source.column("n"))
    assert out.column("age").to_pylist() == ["30-40", "40-50", None]
    frame = pandas.DataFrame({"id": ["12", None, str(2**60 + 1)]})
    alone = deidentify(frame, policy=read_policy({"columns": {"id": {"operator": "pseudonymise"}}}), key=KEY)
    assert out.column("id").to_pylist() == alone["id"].tolist()


def test_a_column_has_the_type_of_its_operator_even_without_a_cell() -> None:
    empty = deidentify(arrow.table(COLUMNS).slice(0, 0), policy=POLICY, key=KEY, findings=())
    assert empty.schema == treated_arrow().schema
    assert empty.schema.field("id").type == arrow.string()


def test_a_polars_frame_comes_out_as_one() -> None:
    polars = pytest.importorskip("polars")
    out = deidentify(polars.DataFrame(COLUMNS), policy=POLICY, key=KEY, findings=())
    assert isinstance(out, polars.DataFrame)
    assert out["id"].to_list() == treated_arrow().column("id").to_pylist()
    assert out["n"].to_list() == COLUMNS["n"]


def test_what_is_no_table_is_refused_by_its_kind() -> None:
    with pytest.raises(InvalidParameter, match="list"):
        deidentify([[1]], policy=POLICY, key=KEY)
