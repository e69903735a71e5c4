"""The command as people and scripts meet it: output, exit codes, Ctrl-C."""

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

from ..study.small import STUDY, write_small

pytest.importorskip("pandas")


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def privet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["privet", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.run()
        out, err = capsys.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    return call


def test_study_check_price_run_report(privet, tmp_path: Path) -> None:
    file = write_small(tmp_path)
    assert privet("study", "check", file).code == 0
    priced = privet("study", "price", file, "--json")
    assert priced.code == 0
    assert json.loads(priced.out)["fits"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "policy.toml", "study.toml"]
    ran = privet("study", "run", file, "--json")
    assert ran.code == 0
    assert ran.err == ""
    assert json.loads(ran.out)["format"] == "privet-study-report"
    again = privet("study", "report", file)
    assert again.code == 0
    assert str(tmp_path / "report.html") in again.out
    quiet = privet("study", "run", file, "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
    assert "(finished)" in privet("study", "price", file).out


def test_the_bill_that_does_not_fit_has_its_own_exit_code(privet, tmp_path: Path) -> None:
    file = write_small(tmp_path, study=STUDY.replace("epsilon = 4.0", "epsilon = 1.2"))
    assert privet("study", "price", file).code == 3
    refused = privet("study", "run", file)
    assert refused.code == 3
    assert "nothing was opened" in refused.err
    assert "Traceback" not in refused.err
    assert not (tmp_path / "book.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("study", "run", "none.toml"),
        ("study", "price", "none.toml"),
        ("study", "check", "none.toml"),
        ("study", "nothing"),
        ("nothing",),
        ("ledger", "show", "--ledger", "sqlite:///none.db", "people"),
        ("detect", "none.csv"),
        ("risk", "none.csv", "--quasi", "age"),
        ("account", "calibrate", "--epsilon", "0", "--delta", "1e-5", "--relation", "add-or-remove-one"),
        ("account", "price", "--noise-multiplier", "-1", "--delta", "1e-5", "--relation", "add-or-remove-one"),
    ],
)
def test_wrong_input_is_one_message_and_exit_2_or_4(
    privet, tmp_path: Path, monkeypatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = privet(*arguments)
    assert result.code in (2, 4)
    assert result.err.strip()
    assert "Traceback" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_ledger_commands(privet, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'book.db'}"
    made = privet(
        "ledger", "create", "ward", "--ledger", url, "--unit", "patient", "--epsilon", "2", "--delta", "1e-6",
        "--relation", "add-or-remove-one",
    )  # fmt: skip
    assert made.code == 0, made.err
    allotted = privet(
        "ledger", "allot", "ann", "--parent", "ward", "--ledger", url, "--epsilon", "0.5", "--delta", "1e-7"
    )
    assert allotted.code == 0, allotted.err
    listed = json.loads(privet("ledger", "list", "--ledger", url, "--json").out)
    assert {item["account"] for item in listed} == {"ward", "ann"}
    assert privet("ledger", "show", "ward", "--ledger", url).code == 0
    assert json.loads(privet("ledger", "history", "ward", "--ledger", url, "--json").out) == []
    assert privet("ledger", "verify", "--ledger", url).code == 0
    entry = json.loads(privet("ledger", "export", "ward", "--ledger", url).out)["registry_entry"]
    assert entry["privacy_unit"].startswith("patient")
    again = privet(
        "ledger", "create", "ward", "--ledger", url, "--unit", "patient", "--epsilon", "9", "--delta", "1e-6",
        "--relation", "add-or-remove-one",
    )  # fmt: skip
    assert again.code in (2, 4)


def test_account_commands(privet) -> None:
    shared = ("--delta", "1e-5", "--relation", "add-or-remove-one", "--json")
    plan = ("--sampling-rate", "0.02", "--steps", "500")
    sigma = json.loads(privet("account", "calibrate", "--epsilon", "8", *plan, *shared).out)["noise_multiplier"]
    found = json.loads(privet("account", "price", "--noise-multiplier", sigma, *plan, *shared).out)
    assert found["loss-distribution"] == pytest.approx(8, rel=2e-3)
    read = json.loads(privet("account", "risk", "--noise-multiplier", sigma, *plan, *shared).out)
    accuracy = read["at_most"]["best attack accuracy at even odds"]
    assert accuracy["whole_curve"] == pytest.approx(0.713, abs=2e-3)
    assert accuracy["epsilon_and_delta_alone"] > 0.99


def test_account_prices_every_sampling(privet) -> None:
    terms = ("account", "price", "--noise-multiplier", "1", "--delta", "1e-5", "--steps", "450", "--json")
    cut = ("--sampling-rate", "0.01", "--units", "10000", "--max-batch-size", "150")

    def epsilon(*options: str, relation: str = "zero-out-one") -> float:
        return min(json.loads(privet(*terms, "--relation", relation, *options).out).values())

    assert epsilon("--steps-per-epoch", "100") == pytest.approx(1.206, abs=2e-3)
    assert epsilon("--steps-per-epoch", "100", "--shuffled") == pytest.approx(11.48, abs=0.01)
    assert 1 < epsilon(*cut, relation="add-or-remove-one") / epsilon("--sampling-rate", "0.01") < 1.01
    for wrong in (
        ("--sampling-rate", "0.01", "--steps-per-epoch", "100"),
        ("--units", "100"),
        ("--sampling-rate", "0.01", "--max-batch-size", "5"),
        ("--max-batch-size", "5", "--units", "100"),
        ("--shuffled",),
    ):
        refused = privet(*terms, "--relation", "zero-out-one", *wrong)
        assert (refused.code, "--" in refused.err) == (2, True), wrong
    shuffled = ("--steps-per-epoch", "100", "--shuffled")
    assert privet(*terms, "--relation", "add-or-remove-one", *shuffled).code == 2
    plan = ("--steps", "500", "--steps-per-epoch", "100", "--delta", "1e-5", "--relation", "zero-out-one", "--json")
    found = json.loads(privet("account", "calibrate", "--epsilon", "1", *plan).out)["noise_multiplier"]
    assert found == pytest.approx(1.0946, rel=1e-3)
    risk = json.loads(privet("account", "risk", "--noise-multiplier", found, *plan).out)
    assert risk["epsilon"] <= 1


def test_from_detection_to_risk_by_commands(privet, tmp_path: Path) -> None:
    write_small(tmp_path)
    people, safe = tmp_path / "people.csv", tmp_path / "safe.csv"
    scanned = {item["column"]: item["kind"] for item in json.loads(privet("detect", people, "--json").out)}
    assert scanned["email"] == "email"
    url = f"sqlite:///{tmp_path / 'book.db'}"
    given = (people, "--policy", tmp_path / "policy.toml", "--out", safe, "--key", tmp_path / "key", "--ledger", url)
    terms = ("--ledger", url, "--epsilon", "1", "--delta", "1e-6")
    privet("ledger", "create", "strict", *terms)
    refused = privet("deidentify", *given, "--account", "strict")
    assert refused.code in (3, 4)
    assert not safe.exists()
    privet("ledger", "create", "open", *terms, "--allow-no-guarantee")
    applied = privet("deidentify", *given, "--account", "open")
    assert applied.code == 0, applied.err
    assert "no guarantee" in applied.out
    (claim,) = json.loads(privet("ledger", "history", "open", "--ledger", url, "--json").out)
    assert (claim["state"], claim["epsilon"]) == ("committed", None)
    assert "@" not in safe.read_text(encoding="utf-8")
    risk = json.loads(privet("risk", safe, "--quasi", "age", "--quasi", "sex", "--json").out)
    assert risk["before"]["rows"] == 600
    assert privet("risk", safe, "--quasi", "shoe").code == 2


def test_help_names_every_noun(privet) -> None:
    text = privet("--help").out
    for noun in ("demo", "study", "ledger", "account", "detect", "deidentify", "risk", "vault", "audit"):
        assert noun in text
    assert privet("--version").out.startswith("privet ")


def test_ctrl_c_inside_exec_ends_with_the_same_code(tmp_path: Path) -> None:
    """CPython marks a process whose ``exec`` was interrupted, and one begun by -m kills itself at its end."""
    (tmp_path / "stopped.py").write_text(
        "import privet.cli.main as m\ndef app(**_):\n    exec('raise KeyboardInterrupt')\nm.app = app\nm.program()\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": f"{Path(main.__file__).parents[2]}{os.pathsep}{tmp_path}"}
    command = [sys.executable, "-m", "stopped"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, "privet: stopped" in ended.stderr) == (130, True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_leaves_a_consistent_ledger_and_a_study_that_goes_on(tmp_path: Path) -> None:
    """A real process, stopped when its first claim is in the book."""
    slow = STUDY.replace("steps = 10", "steps = 9000").replace("rounds = 2", "rounds = 900")
    file = write_small(tmp_path, study=slow)
    command = [sys.executable, "-m", "privet", "study", "run", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(Path(main.__file__).parents[2])}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    record = tmp_path / "small.run" / "record.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (record.exists() and record.read_text(encoding="utf-8").count("\n") >= 2):
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in err
    assert "Traceback" not in err
    finished = subprocess.run([*command, "--quiet"], capture_output=True, text=True, env=environment, timeout=120)
    assert finished.returncode == 0, finished.stderr
    from privet.ledger import Ledger

    ledger = Ledger.open(f"sqlite:///{tmp_path / 'book.db'}", create=False)
    claims = [claim for claim in ledger.account("people").history() if "open the data" not in claim.name]
    assert ledger.verify().ok
    assert [str(claim.state) for claim in claims].count("committed") == 6
    assert {str(claim.state) for claim in claims} <= {"committed", "forfeited"}
    ledger.close()


def usefulness(folder: Path) -> float:
    """How much better the worst released model is than always the commoner answer, without the noise of counting."""
    from privet.study import work
    from privet.study.record import Record, run_folder
    from privet.study.steps import plan_study
    from privet.training.models import LogisticModel

    planned = plan_study(folder / "study.toml")
    test = work._load(planned).test_rows
    with Record(run_folder(planned.file), digest=planned.file.digest, study="").open() as record:
        found = [record.finished(name) for name in planned.models()]
    models = [LogisticModel.from_json(step.result["model"]) for step in found if step is not None]
    assert len(models) == 2
    right = min((model.predict(test.features) == test.labels).mean() for model in models)
    return float(right - max(test.labels.mean(), 1 - test.labels.mean()))


def test_the_demo_runs_and_a_second_call_pays_nothing(privet, tmp_path: Path) -> None:
    pytest.importorskip("statsmodels")
    pytest.importorskip("faker")
    folder = tmp_path / "demo"
    first = privet("demo", "--folder", folder, "--json")
    assert first.code == 0, first.err
    report = json.loads(first.out)
    assert report["budget"]["epsilon_spent"] <= 3
    assert usefulness(folder) > 0.01
    after = report["reidentification"]["after"]["unique_share"]
    assert report["reidentification"]["before"]["unique_share"] > 0.99 > 0.02 > after
    second = json.loads(privet("demo", "--folder", folder, "--json").out)
    assert second["budget"] == report["budget"]
    other = tmp_path / "full"
    other.mkdir()
    (other / "something").write_text("x", encoding="utf-8")
    assert privet("demo", "--folder", other).code == 2


def test_a_fault_shows_no_data(privet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from privet.study import steps

    monkeypatch.setattr(steps, "check_columns", lambda file: {}["secret cell"])
    monkeypatch.delenv("PRIVET_DEBUG", raising=False)
    result = privet("study", "check", write_small(tmp_path))
    assert result.code == 70
    assert "KeyError" in result.err
    assert "secret" not in result.err
