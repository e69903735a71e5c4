"""``privet detect``: columns of tables, places in texts, exit codes, and no cell or text unasked."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from privet.cli import main

from .test_command import Result

pandas = pytest.importorskip("pandas")
LETTER = "Dear all,\nwrite to jane.doe@example.org or call +886 912 345 678.\n\n身分證A123456789\n"


@pytest.fixture
def privet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(*arguments: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr("sys.argv", ["privet", *map(str, arguments)])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.run()
        out, err = capsys.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    return call


@pytest.mark.parametrize("name", ["letter.txt", "letter.md", "server.log", "body.json"])
def test_a_text_is_told_by_line_and_place_and_never_shown(privet, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(LETTER, encoding="utf-8")
    done = privet("detect", path)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"{path}:2:10-29: email (0.95)"
    assert [line.split(": ")[1].split()[0] for line in lines[:3]] == ["email", "phone", "taiwan_id"]
    assert not any(part in done.out for part in ("jane", "912", "A12345"))
    assert "jane.doe@example.org" in privet("detect", path, "--show").out


def test_standard_input_is_read(privet) -> None:
    body = json.loads(privet("detect", "-", "--json", stdin=LETTER.encode()).out)
    assert body["counts"] == {"email": 1, "phone": 1, "taiwan_id": 1}
    assert [item["line"] for item in body["findings"]] == [2, 2, 4]
    assert all("text" not in item for item in body["findings"])
    assert json.loads(privet("detect", "-", "--json", stdin=b"nothing").out) == {"findings": [], "counts": {}}


def test_findings_are_no_error_unless_asked(privet, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfe a.b@example.org")
    assert privet("detect", path).code == 0
    assert privet("detect", path, "--fail").code == 1
    assert privet("detect", path, "--fail", "--kind", "iban").code == 0
    table = tmp_path / "t.csv"
    pandas.DataFrame({"mail": ["a.b@example.org"] * 5}).to_csv(table, index=False)
    assert privet("detect", table).code == 0
    assert privet("detect", table, "--fail").code == 1


def test_a_table_is_told_by_column_kind_role_share_and_why(privet, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pandas.DataFrame({"mail": ["jane@example.org"] * 30, "sex": ["f", "m"] * 15, "n": [1, 2] * 15}).to_csv(
        path, index=False
    )
    done = privet("detect", path)
    assert all(word in done.out for word in ("mail", "email", "identifier", "100.0%", "quasi-identifier", "plain"))
    assert "jane" not in done.out


def test_the_policys_roles_overrule(privet, tmp_path: Path) -> None:
    path, policy = tmp_path / "t.csv", tmp_path / "p.toml"
    pandas.DataFrame({"case": [f"R{i}" for i in range(40)]}).to_csv(path, index=False)
    policy.write_text('[columns.case]\nrole = "plain"\nreason = "drawn by lot"\n', encoding="utf-8")
    (before,) = json.loads(privet("detect", path, "--json").out)
    (after,) = json.loads(privet("detect", path, "--policy", policy, "--json").out)
    assert (before["role"], after["role"]) == ("identifier", "plain")
    policy.write_text('[columns.case]\nrole = "plain"\n', encoding="utf-8")
    refused = privet("detect", path, "--policy", policy)
    assert refused.code == 2
    assert "write why" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.txt",), "cannot be read"),
        (("a.txt", "--policy", "p.toml"), "is for tables"),
        (("a.csv", "--show"), "are for text"),
        (("a.txt", "--kind", "shoe_size"), "not a kind"),
    ],
)
def test_what_cannot_be_done_is_told(privet, tmp_path, monkeypatch, arguments: tuple[str, ...], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    done = privet("detect", *arguments)
    assert done.code == 2
    assert message in done.err
