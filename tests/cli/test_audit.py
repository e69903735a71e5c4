"""``privet audit trainer``: a table or JSON, and an exit code that scripts can rely on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from privet.cli import main

pytest.importorskip("torch")

OWN = """
import torch
from privet.audit.conformance import StatedSampling, Step, Trainer
from privet.core.neighbours import Relation


def train(job):
    for _ in range(job.plan.steps):
        for parameter in job.module.parameters():
            parameter.grad = torch.full_like(parameter, 0.1)
        yield Step.read(job.module)


def trainer():
    return Trainer(name="constant", train=train, sampling=StatedSampling.EVERY_STEP, relation=Relation.ZERO_OUT)
"""


def call(*arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["privet", "audit", "trainer", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.run()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_our_engine_is_audited_by_default(monkeypatch, capsys) -> None:
    code, out, err = call("--steps", "16", "--false-alarm", "1e-6", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, err) == (0, "")
    assert "every check holds" in out
    assert "resumption" in out


def test_a_trainer_of_ones_own_that_fails_has_exit_code_1(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "my_training.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    given = ("--trainer", "my_training:trainer")
    code, out, err = call(*given, "--json", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, err) == (1, "")
    found = json.loads(out)
    assert found["passed"] is False
    assert found["trainer"] == "constant"
    verdicts = {check["check"]: check["verdict"] for check in found["checks"]}
    assert verdicts["noise of each tensor"] == "FAILS"
    assert verdicts["batch coupling"] == "holds"
    code, out, _ = call(*given, monkeypatch=monkeypatch, capsys=capsys)
    assert code == 1
    assert "FAILS: " in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--trainer", "nothing"),
        ("--trainer", "no_such_module:make"),
        ("--steps", "2"),
        ("--false-alarm", "2"),
        ("--x",),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(monkeypatch, capsys, arguments: tuple[str, ...]) -> None:
    code, out, err = call(*arguments, monkeypatch=monkeypatch, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.strip()
    assert "Traceback" not in err
