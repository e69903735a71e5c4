"""Each column opens with its own key, and a changed file with none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from privet.core.errors import InvalidParameter
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.key_ring import KeyRing

pa = pytest.importorskip("pyarrow")

from privet.vault.parquet import column_keys, read_encrypted, write_encrypted  # noqa: E402

TABLE = pa.table({
    "id": ["A123456789", "B123456780"],
    "age": [41, 72],
    "visits": pa.array([[1, 2], [3]]),
    "note": ["a long and telling note", "another one"],
})  # fmt: skip
COLUMNS = {"contact": ["id"], "clinical": ["age", "visits", "note"]}
KEYS = column_keys(KeyRing.new(), ["footer", *COLUMNS])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_encrypted(TABLE, tmp_path / "table.parquet", keys=KEYS, columns=COLUMNS, footer="footer")
    return tmp_path / "table.parquet"


def without(*names: str) -> dict[str, bytes]:
    return {name: key for name, key in KEYS.items() if name not in names}


def test_with_all_keys_the_table_comes_back_and_nothing_is_in_clear(path: Path) -> None:
    assert read_encrypted(path, keys=KEYS).equals(TABLE)
    content = path.read_bytes()
    for hidden in (b"A123456789", b"telling", b"note", b"visits"):
        assert hidden not in content


def test_whoever_has_some_keys_reads_those_columns(path: Path) -> None:
    clinical = read_encrypted(path, keys=without("contact"), columns=["age", "visits"])
    assert clinical.equals(TABLE.select(["age", "visits"]))
    with pytest.raises(NoMatchingKey, match="contact"):
        read_encrypted(path, keys=without("contact"), columns=["id"])
    with pytest.raises(NoMatchingKey, match="clinical"):
        read_encrypted(path, keys=without("clinical"), columns=["visits"])
    with pytest.raises(NoMatchingKey, match="footer"):
        read_encrypted(path, keys=without("footer"), columns=["age"])


def test_keys_of_another_ring_do_not_open_it(path: Path) -> None:
    with pytest.raises(NoMatchingKey):
        read_encrypted(path, keys=column_keys(KeyRing.new(), list(KEYS)))
    swapped = {**KEYS, "clinical": KEYS["contact"]}
    with pytest.raises(NoMatchingKey, match="clinical"):
        read_encrypted(path, keys=swapped, columns=["age"])


def test_changes_and_cuts_are_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(4, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises((NotAuthentic, NoMatchingKey)):
            read_encrypted(path, keys=KEYS)
    for kept in (0, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(NotAuthentic):
            read_encrypted(path, keys=KEYS)


@pytest.mark.parametrize(
    "columns",
    [
        {"contact": ["id"], "clinical": ["age", "visits"]},
        {"contact": ["id", "age"], "clinical": ["age", "visits", "note"]},
        {"contact": ["id", "none"], "clinical": ["age", "visits", "note"]},
        {"contact": ["id"], "unknown": ["age", "visits", "note"]},
    ],
)
def test_a_column_is_never_left_in_clear_by_mistake(tmp_path: Path, columns: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidParameter):
        write_encrypted(TABLE, tmp_path / "x", keys=KEYS, columns=columns, footer="footer")
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_not_there_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="is it there"):
        read_encrypted(tmp_path / "none", keys=KEYS)
