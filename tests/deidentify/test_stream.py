"""Files treated piece by piece: the same cells as a table in memory, whole or not at all, in bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path

import pytest

from privet.core.errors import InvalidParameter
from privet.deidentify import pieces
from privet.deidentify.policy import read_policy
from privet.deidentify.stream import deidentify_file, reverse_file, whole_columns
from privet.deidentify.transform import deidentify, reverse

pandas = pytest.importorskip("pandas")
arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

KEY = bytes(range(32))
ROWS = 3000
POLICY = read_policy(
    {
        "others": "keep",
        "columns": {
            "id": {"operator": "pseudonymise", "reversible": True},
            "born": {"operator": "shift_date", "days": 30, "person": "id"},
            "income": {"operator": "microaggregate", "k": 3},
            "age": {"operator": "generalise_number", "lowest": 0, "highest": 100, "width": 10},
            "secret": {"operator": "drop"},
        },
        "together": [{"operator": "suppress_rare", "k": 3, "columns": ["sex", "age"]}],
    }
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1 << 14)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 500)


def table():
    numbers = range(ROWS)
    return pandas.DataFrame(
        {
            "id": [f"A{number // 2:05d}" for number in numbers],
            "born": [f"19{50 + number % 50}-0{1 + number % 9}-11" for number in numbers],
            "income": [str(number * 37 % 1009) if number % 50 else None for number in numbers],
            "sex": ["f" if number % 3 else "m" for number in numbers],
            "age": [str(number % 97) for number in numbers],
            "secret": ["x"] * ROWS,
            "note": ['said "no", then\nleft' if number % 700 == 3 else "fine" for number in numbers],
        }
    )


def treated(path: Path, *, name: str = "out.csv", policy=POLICY) -> bytes:
    out = io.BytesIO()
    done = deidentify_file(path, out, name=name, policy=policy, key=KEY)
    assert done.sha256 == hashlib.sha256(out.getvalue()).hexdigest()
    return out.getvalue()


def plain(frame):
    return frame.astype(object).where(frame.notna(), None)


def read(content: bytes):
    return plain(pandas.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_values=[""]))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    table().to_csv(tmp_path / "people.csv", index=False)
    return tmp_path / "people.csv"


def test_a_csv_file_has_the_cells_of_a_table_in_memory(source: Path) -> None:
    expected = plain(deidentify(table(), policy=POLICY, key=KEY, findings=()))
    assert read(treated(source)).equals(expected)
    with gzip.open(source.with_suffix(".csv.gz"), "wb") as file:
        file.write(b"\xef\xbb\xbf" + source.read_bytes())
    zipped = treated(source.with_suffix(".csv.gz"), name="out.csv.gz")
    assert read(gzip.decompress(zipped)).equals(expected)


def test_a_parquet_file_has_the_cells_and_types_of_an_arrow_table(tmp_path: Path) -> None:
    frame = table().assign(age=range(ROWS), income=[float(n) for n in range(ROWS)])
    whole = arrow.Table.from_pandas(frame, preserve_index=False)
    parquet.write_table(whole, tmp_path / "people.parquet", row_group_size=700)
    out = parquet.read_table(io.BytesIO(treated(tmp_path / "people.parquet", name="out.parquet")))
    expected = deidentify(whole, policy=POLICY, key=KEY, findings=())
    assert out.schema.equals(expected.schema)
    assert out.equals(expected)


def test_what_was_made_reversible_comes_back(source: Path, tmp_path: Path) -> None:
    (tmp_path / "safe.csv").write_bytes(treated(source))
    out = io.BytesIO()
    reverse_file(tmp_path / "safe.csv", out, name="back.csv", policy=POLICY, key=KEY)
    back = read(out.getvalue())
    assert back["id"].tolist() == table()["id"].tolist()
    assert back.equals(plain(reverse(read(treated(source)), policy=POLICY, key=KEY)))
    with pytest.raises(InvalidParameter, match="another key"):
        reverse_file(tmp_path / "safe.csv", io.BytesIO(), name="back.csv", policy=POLICY, key=bytes(32))


def test_the_columns_that_are_held_are_told() -> None:
    assert whole_columns(POLICY, names=tuple(table().columns)) == ("income", "sex", "age")


def test_direct_identifiers_that_come_late_in_a_kept_column_are_found(tmp_path: Path) -> None:
    late = pandas.DataFrame(
        {"n": range(ROWS), "note": [None] * (ROWS - 30) + [f"someone{i}@example.org" for i in range(30)]}
    )
    late.to_csv(tmp_path / "late.csv", index=False)
    with pytest.raises(InvalidParameter, match="direct identifiers") as caught:
        treated(tmp_path / "late.csv", policy=read_policy({"others": "keep"}))
    assert "someone" not in str(caught.value)


def test_a_table_without_rows_keeps_its_header(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("id,secret\n", encoding="utf-8")
    policy = read_policy({"columns": {"id": {"operator": "pseudonymise"}, "secret": {"operator": "drop"}}})
    assert treated(tmp_path / "none.csv", policy=policy) == b"id\n"


def test_missing_cells_of_a_single_column_stay_rows(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("id\nno number\n12\n", encoding="utf-8")
    policy = read_policy({"columns": {"id": {"operator": "round_number", "to": 5}}})
    assert treated(tmp_path / "one.csv", policy=policy) == b'id\n""\n"10"\n'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"id,b\n1,2,secretcell\n", "broken"),
        ("a.csv", b'id,b\n1,"secretcell\n', "broken"),
        ("a.csv", b"id,id\n1,2\n", "each once"),
        ("a.csv", b"", "each once"),
        ("a.csv", b"id,b\nsecretcell,\xff\xfe\n", "broken|UTF-8"),
        ("a.parquet", b"secretcell", "broken"),
        ("a.xlsx", b"secretcell", "neither CSV"),
    ],
)
def test_broken_files_are_one_sentence_without_a_cell(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidParameter, match=words) as caught:
        treated(tmp_path / name, policy=read_policy({"others": "keep"}))
    assert "secretcell" not in str(caught.value)
