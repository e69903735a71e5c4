"""Every seeded fault is found by the check that is meant for it; nothing right is ever flagged."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from privet.audit.conformance import StatedPlan, Verdict, audit_trainer
from privet.audit.conformance.audit import PARTS
from privet.audit.conformance.laboratory import SUBJECTS, lanes_job

from .faults import (
    FAULTS,
    FirstBinPreferred,
    LastPieceDropped,
    TenPercentMoreThanTheRate,
    WeightedSampler,
)
from .plain import Plain, trainer
from .variants import OTHER_SHARES, VARIANTS

# A part alone has fewer checks of chance; so each is as strict as among all of them.
SHARE = 2e-4
SENSITIVITY = {"sensitivity", "non-finite examples", "batch coupling", "private number of units"}
# What chance decides needs a longer run; the rest shows in any.
LONG = {TenPercentMoreThanTheRate, WeightedSampler, LastPieceDropped, FirstBinPreferred}


def part_of(check: str) -> str:
    if check in SENSITIVITY:
        return "sensitivity"
    return "noise" if "noise" in check or "correlation" in check else "sampler"


def test_there_are_enough_faults_and_variants() -> None:
    assert len(FAULTS) >= 60
    assert len(VARIANTS) >= 14


@pytest.mark.parametrize("fault", FAULTS, ids=lambda kind: kind.__name__)
def test_a_fault_is_found_by_its_check(fault: type[Plain]) -> None:
    steps = None if fault in LONG else 48
    report = audit_trainer(trainer(fault), false_alarm=SHARE, steps=steps, parts=[part_of(FAULTS[fault])])
    assert FAULTS[fault] in report.failed


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda kind: kind.__name__)
def test_what_is_right_but_unusual_fails_nothing(variant: type[Plain]) -> None:
    parts = ["sampler", "sensitivity"] if variant in OTHER_SHARES else ["sampler", "noise"]
    report = audit_trainer(trainer(variant), steps=64, parts=PARTS if variant is Plain else parts)
    assert report.passed, [found.sentence for found in report.checks if found.verdict is Verdict.FAILS]


def test_what_is_right_about_a_faulty_trainer_is_not_blamed() -> None:
    kinds = {kind.__name__: kind for kind in FAULTS}
    found = audit_trainer(trainer(kinds["NoiseTenPercentLow"])).failed
    assert found == ("noise of each tensor", "noise of each step")
    assert audit_trainer(trainer(kinds["CountedTwice"])).failed == ("contribution", "sensitivity")


def test_gradients_of_a_batch_are_those_of_each_example_alone() -> None:
    """The faults are faults of a right trainer."""
    plan = StatedPlan(rate=1.0, clip_norm=1.0, noise_multiplier=1.0, steps=1, expected_batch_size=8.0)
    subject = SUBJECTS[1]
    jobs = [
        subject.job(plan, rows=[*subject.others(3), subject.null], rows_per_unit=1, seed=4),
        lanes_job(plan, lanes=12, norms=[0.5, 3.0, 40.0, 0.1], seed=5),
    ]
    for job in jobs:
        run = Plain(job, 1)
        together = run.gradients(np.arange(len(job.owners)))
        for number, (x, y) in enumerate(job.dataset):
            alone = run.gradient_of(x[None], y[None])
            np.testing.assert_allclose(together[number], alone, rtol=1e-4, atol=1e-6 + 1e-6 * np.abs(alone).max())
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), [0.5, 3.0, 40.0, 0.1], rtol=1e-6)
