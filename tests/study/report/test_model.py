"""The data model of the report and its JSON form."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.study.report import model
from privet.study.report.codec import decode_report, encode_report
from privet.study.report.model import (
    AttackView,
    CertificateLine,
    CurvePoint,
    Estimate,
    Interval,
    ModelView,
    Withheld,
)
from privet.study.report.verdict import certificate, settled, unanswered


@pytest.mark.parametrize("which", ["full", "minimal"])
def test_a_report_survives_the_way_to_json_text_and_back(which, request):
    report = request.getfixturevalue(which)
    text = json.dumps(encode_report(report), allow_nan=False)
    assert decode_report(json.loads(text)) == report


def test_numbers_are_written_alike_whatever_type_the_runner_used(full):
    loose = dataclasses.replace(full.budget, epsilon_limit=3, epsilon_spent=np.float64(2.21))
    assert encode_report(dataclasses.replace(full, budget=loose)) == encode_report(full)
    narrow = dataclasses.replace(full.federated, sites=np.int64(4))
    json.dumps(encode_report(dataclasses.replace(full, federated=narrow)), allow_nan=False)


def test_every_class_is_frozen_and_slotted():
    kinds = [kind for kind in vars(model).values() if dataclasses.is_dataclass(kind)]
    assert len(kinds) >= 20
    for kind in kinds:
        assert kind.__dataclass_params__.frozen, kind
        assert hasattr(kind, "__slots__"), kind


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda body: body.update(format="other"), "format"),
        (lambda body: body.update(format_version=2), "report format is 2"),
        (lambda body: body.update(surprise=1), "report"),
        (lambda body: body["budget"].pop("guard"), r"report\.budget"),
        (lambda body: body["budget"].update(epsilon_spent="two"), r"report\.budget\.epsilon_spent"),
        (lambda body: body["budget"]["claims"][0].update(state="lost"), r"report\.budget\.claims\[0\]\.state"),
        (lambda body: body["federated"].update(sites=True), r"report\.federated\.sites"),
        (lambda body: body.update(risk={"withheld": " "}), "reason"),
    ],
)
def test_json_that_does_not_fit_is_refused_at_its_place(full, spoil, place):
    body = encode_report(full)
    spoil(body)
    with pytest.raises(InvalidParameter, match=place):
        decode_report(body)


def test_nan_is_refused_wherever_a_number_is_taken():
    with pytest.raises(InvalidParameter, match=r"CurvePoint\.epsilon is nan"):
        CurvePoint(math.nan, 1e-6)
    with pytest.raises(InvalidParameter, match=r"CurvePoint\.delta is nan"):
        CurvePoint(1.0, math.nan)
    with pytest.raises(InvalidParameter, match=r"Interval\.low is nan"):
        Interval(math.nan, 1.0, 0.95)


@given(value=st.one_of(st.floats(max_value=0, exclude_max=True), st.floats(min_value=1, exclude_min=True)))
def test_a_share_outside_0_to_1_is_refused(value):
    with pytest.raises(InvalidParameter, match="give a share"):
        Estimate(value, Withheld("no interval"))


def test_an_interval_upside_down_is_refused():
    with pytest.raises(InvalidParameter, match="lower end first"):
        Interval(0.6, 0.5, 0.95)


def test_a_withheld_value_needs_a_reason():
    with pytest.raises(InvalidParameter, match="no reason"):
        Withheld("  ")


def test_a_figure_that_was_not_charged_needs_a_label():
    with pytest.raises(InvalidParameter, match="not charged"):
        ModelView("plain", "non-private", math.inf, Withheld("not run"), charged=False)


def test_an_attack_outside_the_guarantee_needs_a_label():
    gone = Withheld("not run")
    with pytest.raises(InvalidParameter, match="outside the guarantee"):
        AttackView("plain model", "loss", False, 10, 10, gone, gone, gone, gone)


def test_a_sound_report_keeps_its_verdict(full):
    assert settled(full) == full.verdict


def test_an_overspent_account_is_a_problem_whatever_the_runner_said(full):
    spent = dataclasses.replace(full, budget=dataclasses.replace(full.budget, epsilon_spent=3.01))
    assert settled(spent).level == "problem"
    assert "more than its limit" in settled(spent).points[0]


def test_an_attack_clearly_above_its_bound_is_a_problem(full):
    attack = full.attacks[0]
    strong = dataclasses.replace(attack.tpr[0], tpr=Estimate(0.05, Interval(0.04, 0.06, 0.95)))
    report = dataclasses.replace(full, attacks=(dataclasses.replace(attack, tpr=(strong,)),))
    assert settled(report).level == "problem"


def test_an_attack_whose_interval_reaches_down_to_the_bound_is_no_proof(full):
    attack = full.attacks[0]
    unsure = dataclasses.replace(attack.tpr[0], tpr=Estimate(0.05, Interval(0.02, 0.08, 0.95)))
    report = dataclasses.replace(full, attacks=(dataclasses.replace(attack, tpr=(unsure,)),))
    assert settled(report).level == "ok"


def test_a_charge_without_guarantee_calls_for_care(full):
    claim = dataclasses.replace(full.budget.claims[0], epsilon=math.inf)
    report = dataclasses.replace(full, budget=dataclasses.replace(full.budget, claims=(claim,)))
    assert settled(report).level == "caution"


def test_a_graver_verdict_of_the_runner_is_kept(full):
    report = dataclasses.replace(full, verdict=dataclasses.replace(full.verdict, level="problem"))
    assert settled(report) == report.verdict


def test_unanswered_questions_of_the_certificate_are_found_in_order(full, minimal):
    assert unanswered(full) == ()
    assert unanswered(minimal) == tuple(q for q in model.CERTIFICATE_QUESTIONS if q != "Sampler")
    only = dataclasses.replace(full, certificate=(*full.certificate[1:], CertificateLine("Other", "more")))
    assert unanswered(only) == ("Guarantee",)
    assert settled(only).level == "caution"


def test_the_certificate_keeps_the_order_of_its_questions_and_ends_with_further_lines(full, minimal):
    shuffled = dataclasses.replace(full, certificate=(CertificateLine("Other", "more"), *full.certificate[::-1]))
    assert [label for label, _ in certificate(shuffled)] == [*model.CERTIFICATE_QUESTIONS, "Other"]
    assert dict(certificate(minimal))["Guarantee"] is None


def test_an_overruled_verdict_still_says_what_the_study_had_concluded(minimal):
    assert any(minimal.verdict.sentence in point for point in settled(minimal).points)
