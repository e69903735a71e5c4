"""``privet deidentify`` as people meet it: one file in, one out, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from privet.cli import main

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

POLICY = """
others = "keep"
[columns.id]
operator = "pseudonymise"
reversible = true
[columns.born]
operator = "generalise_date"
to = "year"
"""


@pytest.fixture
def privet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["privet", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.run()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text("id,born,n\nA1,1980-01-02,1\nB2,1990-01-02,2\n", encoding="utf-8")
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def test_a_file_is_treated_and_turned_back(privet, folder: Path) -> None:
    code, out, err = privet("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["rows"] == 2
    safe = pandas.read_csv("safe.csv")
    assert safe["born"].tolist() == [1980, 1990]
    assert not set(safe["id"]) & {"A1", "B2"}
    code, out, err = privet("deidentify", "--reverse", "safe.csv", "--policy", "policy.toml", "-o", "back.parquet")
    assert code == 0, err
    assert "again" in out
    assert pandas.read_parquet("back.parquet")["id"].tolist() == ["A1", "B2"]
    assert (folder / "back.parquet").stat().st_mode & 0o077 == 0


def test_the_account_decides_and_the_ledger_knows(privet, folder: Path) -> None:
    terms = ("--epsilon", "1", "--delta", "1e-6")
    assert privet("ledger", "create", "open", *terms, "--allow-no-guarantee")[0] == 0
    assert privet("ledger", "create", "closed", *terms)[0] == 0
    command = ("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv", "--account")
    code, _, err = privet(*command, "closed")
    assert code == 3, err
    assert not (folder / "safe.csv").exists()
    assert privet(*command, "open")[0] == 0
    history = privet("ledger", "history", "open", "--json")[1]
    assert "de-identified table" in history
    assert (folder / "safe.csv").exists()


@pytest.mark.parametrize(
    ("policy", "arguments", "words"),
    [
        ("[columns.nobody]\noperator = 'drop'\n", (), "policy.toml: the policy names column 'nobody'"),
        ("[columns.id]\noperator = 'drop'\n", (), "says nothing about column 'born'"),
        ("[columns.id]\noperator = 'mask'\nlast = -1\n", (), "[columns.id] first is"),
        (POLICY, ("-o", "people.csv"), "another name"),
        (POLICY, ("-o", "safe.xlsx"), "neither CSV"),
        (POLICY, ("--reverse",), "no key file"),
        (POLICY.replace("reversible = true", ""), ("--reverse",), "calls no column"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_before_anything_is_made(
    privet, folder: Path, policy: str, arguments: tuple[str, ...], words: str
) -> None:
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    code, _, err = privet("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv", *arguments)
    assert code == 2
    assert words in err
    assert sorted(path.name for path in folder.iterdir()) == ["people.csv", "policy.toml"]


def test_kept_identifiers_are_refused_and_nothing_is_left(privet, folder: Path) -> None:
    rows = "".join(f"someone{number}@example.org\n" for number in range(30))
    (folder / "people.csv").write_text("mail\n" + rows, encoding="utf-8")
    (folder / "policy.toml").write_text('others = "keep"\n', encoding="utf-8")
    code, _, err = privet("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv")
    assert code == 4
    assert "direct identifiers" in err
    assert "someone" not in err
    assert not (folder / "safe.csv").exists()


RING = ("--key-ring", "ring", "--passphrase-file", "phrase")
VAULT = ("--ring", "ring", "--passphrase-file", "phrase")


@pytest.fixture
def ring(privet, folder: Path) -> Path:
    (folder / "phrase").touch(mode=0o600)
    (folder / "phrase").write_text("six words that nobody could guess\n")
    code, out, err = privet("vault", "keygen", "--name", "patients", "--pseudonyms", *VAULT)
    assert (code, out) == (0, 'key = "patients"\nkey_version = 1\n'), err
    return folder / "ring"


def treated(privet, *arguments: str, out: str = "safe.csv") -> list[str]:
    code, _, err = privet("deidentify", "people.csv", "--policy", "policy.toml", "-o", out, *arguments)
    assert code == 0, err
    return pandas.read_csv(out)["id"].tolist()


def test_a_ring_that_rotates_changes_no_pseudonym_until_the_policy_asks(privet, ring: Path, folder: Path) -> None:
    with_ring = ("--key", "patients", *RING)
    first = treated(privet, *with_ring)
    assert not (folder / "pseudonym.key").exists()
    code, out, err = privet("vault", "rotate", "--name", "patients", *VAULT)
    assert (code, out) == (0, 'key = "patients"\nkey_version = 2\n'), err
    assert treated(privet, *with_ring) == first
    back = ("deidentify", "--reverse", "safe.csv", "--policy", "policy.toml", "-o", "back.csv", *with_ring)
    assert privet(*back)[0] == 0
    assert pandas.read_csv("back.csv")["id"].tolist() == ["A1", "B2"]

    (folder / "policy.toml").write_text(out + POLICY, encoding="utf-8")
    assert not set(treated(privet, *RING, out="new.csv")) & set(first)
    # The first file, by the second version: noticed, and nothing is written.
    code, _, err = privet(*back[:-6], "-o", "none.csv", *RING)
    assert code == 4
    assert "another key" in err
    assert not (folder / "none.csv").exists()


def test_a_key_file_and_a_ring_never_give_the_same_pseudonyms(privet, ring: Path) -> None:
    assert not set(treated(privet)) & set(treated(privet, "--key", "patients", *RING))


@pytest.mark.parametrize(
    ("head", "arguments", "words"),
    [
        ('key = "patients"\n', (), "only a key ring has names"),
        ("key_version = 2\n", (), "only a key ring has names"),
        ("key_version = 2\n", ("--key", "patients", *RING), "no version 2"),
        ('key = "staff"\n', RING, "no key of pseudonyms 'staff'; it has: patients"),
        ('key = "staff"\n', ("--key", "patients", *RING), "take one of them out"),
        ("", RING, "which key of the ring"),
        ("", ("--key", "patients", "--key-ring", "none", "--passphrase-file", "phrase"), "cannot be read"),
        ("", ("--passphrase-file", "phrase"), "give --key-ring"),
        ("key = 7\n", RING, "must be the name"),
        ('key = ""\n', RING, "must be the name"),
        ("key_version = 0\n", RING, "whole number from 1"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_before_anything_is_read(
    privet, ring: Path, folder: Path, head: str, arguments: tuple[str, ...], words: str
) -> None:
    (folder / "policy.toml").write_text(head + POLICY, encoding="utf-8")
    (folder / "people.csv").unlink()  # to read it would be another error
    before = sorted(folder.iterdir())
    code, _, err = privet("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv", *arguments)
    assert code == 2
    assert words in err
    assert sorted(folder.iterdir()) == before


def test_a_key_that_no_operator_uses_is_refused(privet, folder: Path) -> None:
    (folder / "policy.toml").write_text('key = "patients"\nothers = "drop"\n', encoding="utf-8")
    code, _, err = privet("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv")
    assert code == 2
    assert "none of its operators uses one" in err


def test_help_shows_an_example(privet) -> None:
    code, out, _ = privet("deidentify", "--help")
    assert code == 0
    assert "-o safe.csv" in " ".join(out.split())


def test_stopping_leaves_nothing(folder: Path) -> None:
    row = "A123,1980-01-02,1\n"
    (folder / "people.csv").write_text("id,born,n\n" + row * 3_000_000, encoding="utf-8")
    command = [sys.executable, "-m", "privet", "deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv"]
    source = str(Path(__file__).parents[2] / "src")
    running = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": source})
    deadline = time.monotonic() + 300
    while not (folder / "pseudonym.key").exists() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=300) == 130
    assert sorted(path.name for path in folder.iterdir()) == ["people.csv", "policy.toml", "pseudonym.key"]


def test_a_file_leaves_with_its_risk_report_unless_none_is_wanted(privet, folder: Path) -> None:
    (folder / "people.csv").write_text("id,born,n\n" + "".join(
        f"A{number},19{50 + number % 40}-01-02,1\n" for number in range(200)
    ), encoding="utf-8")  # fmt: skip
    (folder / "policy.toml").write_text(POLICY.replace('"year"', '"decade"'), encoding="utf-8")
    privet("ledger", "create", "open", "--epsilon", "1", "--delta", "1e-6", "--allow-no-guarantee")
    command = ("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv", "--account", "open")
    found = json.loads(privet(*command, "--json")[1])["risk"]
    assert found["columns"] == ["born"]
    assert (found["before"]["k"], found["after"]["k"]) == (5, 50)
    told = privet(*command)[1]
    assert "risk by born, before -> after" in told
    assert "(k) 5 -> 50" in told
    without = privet(*command, "--no-risk")[1]
    assert "risk" not in without
    assert "risk" not in json.loads(privet(*command, "--no-risk", "--json")[1])


def test_a_file_in_which_nothing_is_known_to_others_says_so(privet, folder: Path) -> None:
    (folder / "people.csv").write_text("n\n" + "1\n2\n" * 30, encoding="utf-8")
    (folder / "policy.toml").write_text('others = "keep"\n', encoding="utf-8")
    out = privet("deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe.csv")[1]
    assert "no risk report" in out
    assert "quasi_identifiers" in out
