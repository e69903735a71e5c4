"""A person with a CSV and no manual: from ``privet risk`` to a de-identified, encrypted file in three commands."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
from pathlib import Path

import pytest

from privet.cli import main
from privet.deidentify.anonymity import anonymity_of
from privet.deidentify.policy import load_policy

from .test_command import Result

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
faker = pytest.importorskip("faker")
ADULT = Path(os.environ.get("PRIVET_DATA", Path(__file__).parents[3] / "shared" / "data")) / "adult" / "adult.parquet"


@pytest.fixture
def privet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.chdir(tmp_path)

    def call(line: str) -> Result:
        monkeypatch.setattr("sys.argv", shlex.split(line))
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.run()
        out, err = capsys.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    return call


def people(rows: int = 500) -> pandas.DataFrame:
    made, chance = faker.Faker("en_US"), random.Random(3)
    made.seed_instance(3)
    return pandas.DataFrame([{
        "name": made.name(), "email": made.email(), "phone": made.phone_number(), "ssn": made.ssn(),
        "birth_date": made.date_of_birth(minimum_age=18, maximum_age=90).isoformat(), "sex": chance.choice("FM"),
        "postcode": made.postcode(), "city": made.city(), "diagnosis": chance.choice(["asthma", "flu", "diabetes"]),
        "notes": f"Call {made.phone_number()} or write to {made.email()}", "visits": chance.randrange(10),
    } for _ in range(rows)])  # fmt: skip


def test_three_commands_lead_to_an_anonymous_encrypted_file(privet, tmp_path: Path) -> None:
    original = people()
    original.to_csv("people.csv", index=False)
    Path("passphrase").write_text("correct horse battery staple\n", encoding="utf-8")
    Path("passphrase").chmod(0o600)
    first = privet("privet risk people.csv --suggest p.toml")
    assert first.code == 0, first.err
    assert "visits: plain" in first.out
    second, third = re.findall(r"^  (privet .*)$", first.out, re.MULTILINE)
    assert second == "privet deidentify people.csv --policy p.toml -o safe-people.csv"
    done = privet(second)
    assert done.code == 0, done.err
    encrypted = privet(third.replace("--passphrase", "--passphrase-file passphrase"))
    assert encrypted.code == 0, encrypted.err

    safe = pandas.read_csv("safe-people.csv", dtype=str)
    policy = load_policy(tmp_path / "p.toml")
    known = policy.together[0].columns
    assert set(known) <= {"birth_date", "sex", "postcode"}
    assert anonymity_of(safe, quasi_identifiers=known).k >= 5
    assert set(safe.columns) == set(original.columns) - {"name", "city"}
    text = Path("safe-people.csv").read_text(encoding="utf-8")
    for column in ("name", "email", "phone", "ssn", "birth_date"):
        assert not [cell for cell in original[column] if cell in text], column
    assert safe["diagnosis"].tolist() == original["diagnosis"].tolist()
    assert b"asthma" not in Path("safe-people.csv.privet").read_bytes()


@pytest.mark.skipif(not ADULT.is_file(), reason="Adult is not there; say with PRIVET_DATA where the data sets are")
def test_the_draft_for_adult_keeps_most_of_it(privet) -> None:
    found = json.loads(privet(f"privet risk {ADULT} --suggest a.toml --uniques 0 --json").out)
    assert found["before"]["anonymity"]["k"] == 1
    assert found["after"]["anonymity"]["k"] >= 5
    assert found["after"]["kept"]["blank"] < 0.1
    assert found["after"]["kept"]["information"] > 0.7
