"""Every seeded fault is found by the check that is meant for it; nothing right is ever flagged."""

from __future__ import annotations

import functools

import numpy as np
import pytest

pytest.importorskip("torch")

from privet.audit.conformance import StatedPlan, Trainer, audit_trainer
from privet.audit.conformance.laboratory import SUBJECTS, lanes_job
from privet.audit.conformance.noise import noise_measures
from privet.audit.conformance.sampler import sampler_measures
from privet.audit.conformance.sensitivity import sensitivity_measures
from privet.audit.conformance.verdict import Verdict, judge

from .faults import FAULTS
from .plain import Plain, trainer
from .variants import VARIANTS

# Checks that chance does not decide need no long run.
PARTS = {
    "contribution": functools.partial(sampler_measures, steps=40),
    "public divisor": functools.partial(sampler_measures, steps=40),
    "steps": functools.partial(sampler_measures, steps=40),
    "empty batches": functools.partial(sampler_measures, steps=40),
    **dict.fromkeys(
        [
            "sampling rate",
            "batch sizes",
            "units alike",
            "units independent",
            "steps alike",
            "steps independent",
            "once an epoch",
        ],
        sampler_measures,
    ),
    **dict.fromkeys(
        ["sensitivity", "non-finite examples", "batch coupling", "private number of units"], sensitivity_measures
    ),
}
# A part alone has fewer checks of chance; so each is as strict as among all of them.
SHARE = 2e-4


def failed(of: Trainer, check: str) -> set[str]:
    measures = PARTS.get(check, noise_measures)(of, seed=0)
    return {found.check for found in judge(measures, false_alarm=SHARE) if found.verdict is Verdict.FAILS}


def test_there_are_enough_faults_and_variants() -> None:
    assert len(FAULTS) >= 60
    assert len(VARIANTS) >= 14


@pytest.mark.parametrize("fault", FAULTS, ids=lambda kind: kind.__name__)
def test_a_fault_is_found_by_its_check(fault: type[Plain]) -> None:
    assert FAULTS[fault] in failed(trainer(fault), FAULTS[fault])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda kind: kind.__name__)
def test_what_is_right_but_unusual_fails_nothing(variant: type[Plain]) -> None:
    report = audit_trainer(trainer(variant), steps=64)
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
