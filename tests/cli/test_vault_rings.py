"""``privet vault`` on rings, boxes and tables: what is lost is said before, and nobody reads more than is given."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from privet.cli import main

from ..vault.streams import quick


@pytest.fixture
def privet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("privet.vault.passphrase.Passphrase", quick)
    for name, text in {"phrase": "six words that nobody could guess", "new": "seven other words"}.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "plain.csv").write_text("id,age\nA123456789,41\n")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["privet", "vault", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.run()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


RING = ("--ring", "ring", "--passphrase-file", "phrase")


def test_a_ring_gets_another_passphrase(privet) -> None:
    first = privet("keygen", "--name", "alice", *RING)[1].strip()
    assert privet("encrypt", "plain.csv", "-o", "sealed", "--to", first)[0] == 0
    wrong = privet("passphrase", "--ring", "ring", "--passphrase-file", "new", "--new-passphrase-file", "new")
    assert (wrong[0], "does not open" in wrong[2]) == (2, True)
    assert privet("passphrase", *RING, "--new-passphrase-file", "new")[0] == 0
    assert privet("decrypt", "sealed", "-o", "back", *RING)[0] == 2
    assert privet("decrypt", "sealed", "-o", "back", "--ring", "ring", "--passphrase-file", "new")[0] == 0
    assert stat.S_IMODE(os.stat("ring").st_mode) == 0o600


def test_former_keys_are_dropped_once_nothing_known_needs_them(privet) -> None:
    first = privet("keygen", "--name", "alice", *RING)[1].strip()
    for name, form in (("one", "envelope"), ("two", "age")):
        assert privet("encrypt", "plain.csv", "-o", name, "--to", first, "--format", form)[0] == 0
    second = privet("rotate", "one", "--name", "alice", *RING)[1].strip()
    assert privet("encrypt", "plain.csv", "-o", "third", "--to", second)[0] == 0
    code, _, err = privet("drop", "--name", "alice", *RING)
    assert (code, "--unchecked" in err) == (2, True)
    code, _, err = privet("drop", "one", "two", "third", "--name", "alice", *RING)
    assert code == 2
    assert "two still needs a former key of 'alice'; nothing was dropped" in err
    assert privet("decrypt", "two", "-o", "back", *RING)[0] == 0
    assert privet("rotate", "two", *RING, "--to", second)[0] == 0
    code, _, err = privet("drop", "one", "two", "third", "--name", "alice", *RING)
    assert (code, "dropped 1 former keys" in err) == (0, True)
    for name in ("one", "two", "third"):
        assert privet("decrypt", name, "-o", "back", *RING)[0] == 0


def test_unchecked_drops_and_says_what_is_lost(privet) -> None:
    first = privet("keygen", "--name", "alice", *RING)[1].strip()
    assert privet("encrypt", "plain.csv", "-o", "one", "--to", first)[0] == 0
    assert privet("rotate", "--name", "alice", *RING)[0] == 0
    code, _, err = privet("drop", "--name", "alice", "--unchecked", *RING)
    assert code == 0
    assert "nothing was checked: what only they opened is lost" in err
    assert privet("decrypt", "one", "-o", "back", *RING)[0] == 2
    assert privet("drop", "--name", "bob", "--unchecked", *RING)[0] == 2


@pytest.mark.parametrize("name_in_policy", ['key = "patients"\n', ""])
def test_a_version_that_a_policy_asks_for_is_not_dropped(privet, name_in_policy: str) -> None:
    pytest.importorskip("pandas")
    operator = '[columns.id]\noperator = "pseudonymise"\n'
    Path("policy.toml").write_text(name_in_policy + operator)
    assert privet("keygen", "--name", "patients", "--pseudonyms", *RING)[0] == 0
    assert privet("rotate", "--name", "patients", *RING)[0] == 0
    code, _, err = privet("drop", "policy.toml", "--name", "patients", *RING)
    assert code == 2
    assert "policy.toml still needs a former key" in err
    Path("policy.toml").write_text(name_in_policy + "key_version = 2\n" + operator)
    assert privet("drop", "policy.toml", "--name", "patients", *RING)[0] == 0
    Path("policy.toml").write_text('key = "others"\n' + operator)
    assert privet("drop", "policy.toml", "--name", "patients", *RING)[0] == 0


def test_keys_of_pseudonyms_are_for_rings_and_for_no_file(privet) -> None:
    assert privet("keygen", "--out", "key", "--pseudonyms")[0] == 2
    assert privet("keygen", "--name", "patients", "--pseudonyms", *RING)[0] == 0
    assert privet("keygen", "--name", "patients", *RING)[0] == 2
    code, _, err = privet("rotate", "plain.csv", "--name", "patients", *RING)
    assert code == 2
    assert "no file is encrypted to" in err


def test_a_small_secret_goes_through_a_box(privet) -> None:
    pytest.importorskip("nacl")
    recipient = privet("keygen", "--out", "key")[1].strip()
    privet("keygen", "--name", "alice", *RING)
    Path("token").write_bytes(b"a token\x00\n")
    Path("to").write_text(recipient)
    assert privet("seal", "token", "--to", recipient, "-o", "box")[0] == 0
    assert b"token" not in Path("box").read_bytes()
    assert privet("open", "box", "--key", "key", "-o", "back")[0] == 0
    assert Path("back").read_bytes() == b"a token\x00\n"
    assert stat.S_IMODE(os.stat("back").st_mode) == 0o600
    Path("large").write_bytes(bytes((1 << 16) + 1))
    harmed = bytearray(Path("box").read_bytes())
    harmed[40] ^= 1
    Path("harmed").write_bytes(harmed)
    for wrong in [
        ("seal", "large", "--to", recipient, "-o", "x"),
        ("seal", "none", "--to", recipient, "-o", "x"),
        ("seal", "token", "--to", "age1x", "-o", "x"),
        ("seal", "token", "-o", "x"),
        ("seal", "token", "--to", recipient, "--to-file", "to", "-o", "x"),
        ("open", "harmed", "--key", "key", "-o", "x"),
        ("open", "box", *RING, "-o", "x"),
        ("open", "box", "-o", "x"),
        ("open", "plain.csv", "--key", "key", "-o", "x"),
    ]:
        code, out, err = privet(*wrong)
        assert (code, out) == (2, ""), wrong
        assert "a token" not in err
    assert not Path("x").exists()


def test_each_reader_of_a_table_gets_the_columns_that_were_given(privet) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": ["A1", "B2", "C3"], "age": [41, 72, 9], "note": ["x", "y", "z"], "n": [1, 2, 3]})
    pq.write_table(table, "plain.parquet", row_group_size=2)
    privet("keygen", "--name", "alice", *RING)
    columns = ("--columns", "id", "--columns", "clinical=age,note")
    assert privet("encrypt", "plain.parquet", "-o", "sealed.parquet", *columns, *RING)[0] == 0
    assert b"note" not in Path("sealed.parquet").read_bytes()
    assert privet("decrypt", "sealed.parquet", "-o", "all.parquet", *RING)[0] == 0
    assert pq.read_table("all.parquet").equals(table)
    assert pq.ParquetFile("all.parquet").num_row_groups == 2

    assert privet("column-keys", "--name", "clinical", "--out", "some.keys", *RING)[0] == 0
    assert stat.S_IMODE(os.stat("some.keys").st_mode) == 0o600
    given = ("--column-keys", "some.keys")
    assert privet("decrypt", "sealed.parquet", "-o", "some.parquet", "--columns", "note,age", *given)[0] == 0
    assert pq.read_table("some.parquet").equals(table.select(["note", "age"]))
    for wrong, words in [
        ((*given, "--columns", "id"), "needs the key 'id'"),
        (given, "needs the key"),
        ((*given, "--columns", "none"), "no column 'none'"),
        ((), "--ring or --column-keys"),
        (("--column-keys", "plain.csv"), "chmod 600"),
    ]:
        code, _, err = privet("decrypt", "sealed.parquet", "-o", "x", *wrong)
        assert code == 2, err
        assert words in err
    whole = Path("sealed.parquet").read_bytes()
    Path("cut.parquet").write_bytes(whole[:-40])
    assert privet("decrypt", "cut.parquet", "-o", "x", *RING)[0] == 1
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--columns", "none", *RING), "does not have"),
        (("--columns", "footer=id", *RING), "for other things"),
        (("--columns", "others=id", *RING), "for other things"),
        (("--columns", "id,id", *RING), "exactly one key"),
        (("--columns", "id"), "give --ring"),
        (RING, "go together"),
        (("--columns", "id", "--to", "age1x", *RING), "go together"),
    ],
)
def test_wrong_keys_of_columns_are_told(privet, arguments: tuple[str, ...], words: str) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"id": ["A1"]}), "plain.parquet")
    privet("keygen", "--name", "alice", *RING)
    code, _, err = privet("encrypt", "plain.parquet", "-o", "x", *arguments)
    assert code == 2, err
    assert words in err
    assert not Path("x").exists()
    code, _, err = privet("encrypt", "plain.csv", "-o", "x", "--columns", "id", *RING)
    assert (code, "as a Parquet file" in err) == (2, True)


def test_every_command_shows_an_example(privet) -> None:
    for command in [
        *([name] for name in ("keygen", "encrypt", "decrypt", "rotate", "passphrase", "drop", "seal", "open")),
        ["column-keys"],
        *(["certificate", name] for name in ("authority", "issue", "revoke")),
    ]:
        code, out, _ = privet(*command, "--help")
        assert code == 0
        assert f"Example: privet vault {' '.join(command)}" in " ".join(out.split()), command
