"""A trainer that cannot be audited is told so in one sentence, and one that breaks down fails by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from privet.audit.conformance import Job, StatedSampling, Step, Trainer, audit_trainer
from privet.audit.conformance.loading import load_trainer
from privet.audit.conformance.sampler import sampler_measures
from privet.core.errors import InvalidParameter
from privet.core.neighbours import Relation

from .plain import Plain, trainer


def of(train, **terms) -> Trainer:
    return Trainer(
        **{
            "name": "mine",
            "train": train,
            "sampling": StatedSampling.EVERY_STEP,
            "relation": Relation.ZERO_OUT,
            **terms,
        }
    )


def zeros(job: Job) -> Iterator[Step]:
    for _ in range(job.plan.steps):
        yield Step.read(job.module)


def test_a_trainer_that_does_nothing_is_found_to_have_no_noise() -> None:
    report = audit_trainer(of(zeros))
    assert report.failed == ("noise of each tensor", "noise of each step")
    assert report.to_json()["passed"] is False


def test_an_error_of_the_trainer_fails_every_part_and_is_told() -> None:
    def stops(job: Job) -> Iterator[Step]:
        raise RuntimeError("no such device")
        yield

    report = audit_trainer(of(stops))
    assert report.failed == ("sampler run", "sensitivity run", "noise run")
    assert "mine' stopped with RuntimeError: no such device" in report.checks[0].sentence


def test_steps_that_do_not_fit_the_module_are_refused() -> None:
    def lacking(job: Job) -> Iterator[Step]:
        yield Step(gradients={})

    def misshapen(job: Job) -> Iterator[Step]:
        yield Step(gradients={name: np.zeros(3) for name, _ in job.module.named_parameters()})

    with pytest.raises(InvalidParameter, match=r"no gradient of parameter 'embedding\.weight'"):
        audit_trainer(of(lacking))
    with pytest.raises(InvalidParameter, match=r"shape \(3,\)"):
        audit_trainer(of(misshapen))
    with pytest.raises(InvalidParameter, match="gave no step"):
        audit_trainer(of(lambda job: iter(())))


def test_a_trainer_without_end_is_not_waited_for() -> None:
    def endless(job: Job) -> Iterator[Step]:
        while True:
            yield Step.read(job.module)

    (steps,) = [found for found in sampler_measures(of(endless), seed=0) if found.check == "steps"]
    assert steps.statistic == 16


def test_wrong_settings_get_one_clear_error() -> None:
    for settings, words in (
        ({"false_alarm": 0.0}, "false_alarm is 0.0"),
        ({"steps": 3}, "steps is 3"),
        ({"seed": -1}, "seed is -1"),
        ({"parts": ["noise", "sound"]}, "give some of sampler, sensitivity, noise"),
        ({"parts": []}, "give some of"),
    ):
        with pytest.raises(InvalidParameter, match=words):
            audit_trainer(of(zeros), **settings)
    with pytest.raises(InvalidParameter, match="rows_per_unit is 0"):
        of(zeros, rows_per_unit=0)
    with pytest.raises(InvalidParameter, match="correlated noise cannot be checked under poisson"):
        of(zeros, sampling=StatedSampling.POISSON, mixing=np.eye)


def test_another_laboratory_finds_the_same() -> None:
    """The seed draws data and weights; a verdict does not hang on them."""
    assert audit_trainer(trainer(Plain, seed=1), steps=40, seed=8).passed


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("own_trainer", "module:factory"),
        ("no_such_module:make", "cannot be imported"),
        ("own_trainer:nothing", "no function 'nothing'"),
        ("own_trainer:NUMBER", "no function 'NUMBER'"),
        ("own_trainer:number", "gave a int"),
        ("own_trainer:stops", "stopped with ZeroDivisionError"),
    ],
)
def test_a_reference_that_leads_nowhere_is_explained(
    reference: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "NUMBER = 3\ndef number():\n    return 3\ndef stops():\n    return 1 / 0\n"
    (tmp_path / "own_trainer.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidParameter, match=words):
        load_trainer(reference)
