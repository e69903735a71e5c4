"""Two processes with whole parameters make the updates of one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from . import jobs
from .reference import by_user, flat, of_each, replayed


def require_one_model(answers: list[dict[str, Any]]) -> None:
    """Both ranks have the same bits, and began with those of the first."""
    first, second = answers
    for name, value in jobs.weights(jobs.network(1)).items():
        assert np.array_equal(first["before"][name], value)
        assert np.array_equal(first["before"][name], second["before"][name])
        assert np.array_equal(first["after"][name], second["after"][name])
        assert not np.array_equal(first["after"][name], first["before"][name])


def require_same_update(answers: list[dict[str, Any]], wanted: dict[str, torch.Tensor]) -> None:
    for name, tensor in wanted.items():
        torch.testing.assert_close(torch.tensor(answers[0]["after"][name]), tensor, rtol=0, atol=1e-6)


def test_two_processes_make_the_update_of_one(ranks) -> None:
    answers = ranks.run("trained")
    require_one_model(answers)
    require_same_update(answers, replayed(answers, jobs.network()))
    for own, other in zip(*(answer["rows"] for answer in answers), strict=True):
        assert not set(own) & set(other)
        assert abs(len(own) - len(other)) <= 1
    assert [answer["steps"] for answer in answers] == [10, 10]
    assert answers[0]["epsilon"] == answers[1]["epsilon"]


def test_pieces_may_differ_between_ranks(ranks) -> None:
    answers = ranks.run("trained", pieces=[3, 7])
    require_one_model(answers)
    require_same_update(answers, replayed(answers, jobs.network()))


def test_a_user_is_on_one_rank_whole(ranks) -> None:
    answers = ranks.run("trained", users=4, batch_size=10)
    require_one_model(answers)
    require_same_update(answers, replayed(answers, jobs.network(), sums=by_user(4), expected=10))


def test_ranks_without_examples_step_along(ranks) -> None:
    answers = ranks.run("trained", examples=40, batch_size=1, lr=0.05)
    assert any(not own for own in answers[0]["rows"])
    assert any(not own and not other for own, other in zip(*(answer["rows"] for answer in answers), strict=True))
    require_one_model(answers)
    require_same_update(answers, replayed(answers, jobs.network(), expected=1, lr=0.05))


def test_other_kinds_of_clipping(ranks) -> None:
    answers = ranks.run("trained", clipping="per_layer")
    share = jobs.CLIP / 2  # four tensors
    wanted = of_each(lambda grads: [min(1.0, share / float(grad.norm())) for grad in grads])
    require_same_update(answers, replayed(answers, jobs.network(), sums=wanted))
    answers = ranks.run("trained", clipping="automatic")
    whole = of_each(lambda grads: [jobs.CLIP / (float(torch.stack([g.norm() for g in grads]).norm()) + 0.01)] * 4)
    require_same_update(answers, replayed(answers, jobs.network(), sums=whole))


def test_the_adaptive_norm_follows_the_count_of_all_ranks(ranks) -> None:
    answers = ranks.run("adaptive")
    norm = [jobs.CLIP]

    def sums(module, x, y, rows):
        found, norms = jobs_reference(module, x, y, norm[0])
        share = (float((norms <= norm[0]).sum()) - len(rows) / 2) / jobs.BATCH + 0.5
        norm[0] *= math.exp(-0.2 * (min(1.0, max(0.0, share)) - 0.3))
        return found

    require_same_update(answers, replayed(answers, jobs.network(), sums=sums))
    assert answers[0]["clip_norm"] == answers[1]["clip_norm"] == pytest.approx(norm[0], rel=1e-5)
    assert norm[0] != jobs.CLIP


def jobs_reference(module, x, y, norm):
    from ..per_example import reference

    return reference.clipped_sum(module, x, y, clip_norm=norm)


@pytest.mark.parametrize("kind", ["opacus", "torch"])
def test_wrappers_for_several_processes_are_taken_off(ranks, kind: str) -> None:
    answers = ranks.run("wrapped_in", kind=kind)
    require_one_model(answers)
    require_same_update(answers, replayed(answers, jobs.network(), sums=flat))


@pytest.mark.parametrize("sharded", [False, True])
def test_fitting_is_done_by_all(ranks, tmp_path, sharded: bool) -> None:
    first, second = ranks.run("fitted", checkpoint=str(tmp_path / "loop.pt"), sharded=sharded)
    assert first["steps"] == second["steps"] == [10, 20]
    assert first["released"]
    assert not second["released"]
    for name, value in first["after"].items():
        assert np.array_equal(value, second["after"][name])


def test_one_rank_can_train_alone(ranks) -> None:
    assert ranks.run("alone")[1] > 100
