"""All ranks together are one claim, or none."""

from __future__ import annotations

import numpy as np
import pytest

from . import jobs


def test_the_first_rank_pays_for_all(ranks) -> None:
    first, second = ranks.run("claims")
    assert first["begun"] == [(10, "reserved")]
    assert first["states"] == ["committed"]
    assert first["end"] == second["end"]
    assert first["end"][0] == "PermitError"
    assert first["epsilon"] == second["epsilon"]
    assert first["receipt"] is not None
    assert second["receipt"] is None


def test_a_target_is_met_by_all_together(ranks) -> None:
    first, second = ranks.run("target")
    assert first["sigma"] == second["sigma"]
    assert 0.98 < first["epsilon"] == second["epsilon"] <= 1.0
    assert first["receipt"] <= 1.0
    assert second["receipt"] is None


def test_a_loop_without_an_end_and_noise_that_changes(ranks) -> None:
    first, second = ranks.run("without_an_end")
    assert first["steps"] == second["steps"] == 30
    assert first["epsilon"] == second["epsilon"] > 1
    for name, value in first["after"].items():
        assert np.array_equal(value, second["after"][name])


def test_a_claim_is_resumed_by_all(ranks, tmp_path) -> None:
    first, second = ranks.run("resumed", path=str(tmp_path / "loop.pt"), folder=str(tmp_path))
    for name, value in first["saved"].items():
        assert np.array_equal(value, first["restored"][name])
        assert np.array_equal(value, second["restored"][name])
    assert first["states"] == ["committed"]
    assert first["steps"] == second["steps"] == 20
    assert first["released"] == sorted(jobs.network().state_dict())
    assert first["momentum"] == second["momentum"] != 0
    assert second["released"] is None


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("noise", "plan"),
        ("clip", "plan"),
        ("sampling", "plan"),
        ("module", "parameters"),
        ("optimizer", "optimizer"),
        ("data", "number of examples"),
        ("users", "users"),
        ("loss", "loss reduction"),
        ("account", "account"),
    ],
)
def test_ranks_that_differ_claim_nothing(ranks, what: str, named: str) -> None:
    first, second = ranks.run("different", what=what)
    assert first["said"] == second["said"]
    assert first["said"][0] == "RanksDiffer"
    assert named in first["said"][1]
    assert first["history"] == 0


def test_what_one_rank_refuses_is_refused_by_all(ranks) -> None:
    first, second = ranks.run("different", what="refused")
    assert first["said"][0] == second["said"][0] == "InvalidParameter"
    assert first["said"][1] == f"rank 1: {second['said'][1]}"
    assert first["history"] == 0


def test_what_the_account_refuses_is_refused_by_all(ranks) -> None:
    first, second = ranks.run("unpaid")
    assert first["said"][0] == second["said"][0] == "BudgetRefused"
    assert first["history"] == 0


@pytest.mark.parametrize("what", ["parameter", "clip norm", "batch", "learning rate"])
def test_ranks_that_drift_apart_do_not_step(ranks, what: str) -> None:
    answers = ranks.run("drifting", what=what)
    for answer in answers:
        assert answer["said"][0] == "RanksDiffer"
        assert "nobody has stepped" in answer["said"][1]
        for name, value in answer["before"].items():
            assert np.array_equal(value, answer["after"][name])


def test_ranks_at_different_places_say_so(ranks) -> None:
    first, second = ranks.run("elsewhere")
    assert first == second
    assert "rank 0 is at the release, rank 1 at a step" in first[1]
