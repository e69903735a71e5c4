"""The verdict warns of what users fear: a useless model, an empty promise, a table that points at people."""

from __future__ import annotations

import dataclasses
import math

from privet.study.report.model import StudyReport, Withheld
from privet.study.telling.judgement import verdict

from .report.sample import full, share


def judged(report: StudyReport):
    assert not isinstance(report.comparison, Withheld)
    return verdict(
        report.budget,
        risk=report.risk,
        comparison=report.comparison,
        identifiers=report.identifiers,
        reidentification=report.reidentification,
    )


def test_a_good_study_has_no_warning() -> None:
    found = judged(full())
    assert found.level == "ok"
    assert "everything that left has a guarantee" in found.sentence


def test_a_model_that_is_no_better_than_one_answer_is_called_so() -> None:
    report = full()
    models = [
        dataclasses.replace(model, accuracy=share(0.6, 0.55, 0.65)) if model.kind == "private-central" else model
        for model in report.comparison.models
    ]
    report = dataclasses.replace(report, comparison=dataclasses.replace(report.comparison, models=tuple(models)))
    found = judged(report)
    assert found.level == "caution"
    assert any("no better than always giving the commoner answer" in point for point in found.points)


def test_a_promise_that_lets_an_attacker_be_right_nine_times_of_ten_is_called_empty() -> None:
    report = full()
    found = judged(dataclasses.replace(report, risk=dataclasses.replace(report.risk, accuracy_from_curve=0.95)))
    assert found.level == "caution"
    assert any("nearly empty" in point for point in found.points)


def test_a_table_that_still_singles_rows_out_is_called_so() -> None:
    report = full()
    after = dataclasses.replace(report.reidentification.after, unique_share=0.013)
    tables = dataclasses.replace(report.reidentification, after=after)
    found = judged(dataclasses.replace(report, reidentification=tables))
    assert found.level == "caution"
    assert any("singles out 1.3% of its rows" in point for point in found.points)


def test_what_left_without_guarantee_is_in_the_sentence() -> None:
    report = full()
    claims = (dataclasses.replace(report.budget.claims[0], epsilon=math.inf), *report.budget.claims[1:])
    found = judged(dataclasses.replace(report, budget=dataclasses.replace(report.budget, claims=claims)))
    assert found.level == "caution"
    assert "no guarantee" in found.sentence


def test_an_overspent_account_is_never_said_to_be_within_its_budget() -> None:
    report = full()
    spent = dataclasses.replace(report.budget, epsilon_spent=9.0)
    assert "more than its limit" in judged(dataclasses.replace(report, budget=spent)).sentence
