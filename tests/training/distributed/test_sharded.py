"""Two processes with halves of the parameters make the updates of one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from privet.training import PrivacyEngine

from . import jobs
from .reference import by_user, of_each, replayed


def require_same_update(answers, wanted) -> None:
    first, second = answers
    for name, tensor in wanted.items():
        assert np.array_equal(first["after"][name], second["after"][name])
        torch.testing.assert_close(torch.tensor(first["after"][name]), tensor, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", jobs.SHARDED)
def test_shards_make_the_update_of_one_process(ranks, name: str) -> None:
    answers = ranks.run("trained_in_shards", name=name)
    module = jobs.made(name)
    require_same_update(answers, replayed(answers, module))
    first, second = answers
    moved = [
        np.abs(first["after"][key] - first["before"][key]).max()
        for key, p in module.named_parameters()
        if p.requires_grad
    ]
    assert min(moved) > 1e-6
    # Each rank holds its part alone, and the first lets the whole out.
    assert first["local"] + second["local"] == first["whole"] == second["whole"]
    assert second["released"] is None
    for key, value in first["released"].items():
        assert np.array_equal(value, first["after"][key])


@pytest.mark.parametrize("name", ["every layer", "a bare parameter above sharded parts"])
def test_pieces_and_ranks_without_examples(ranks, name: str) -> None:
    answers = ranks.run("trained_in_shards", name=name, most=3)
    require_same_update(answers, replayed(answers, jobs.made(name)))
    answers = ranks.run("trained_in_shards", name=name, examples=40, batch_size=1, lr=0.05)
    assert any(not own for own in answers[0]["rows"])
    require_same_update(answers, replayed(answers, jobs.made(name), expected=1, lr=0.05))


@pytest.mark.parametrize("layout", ["copies", "kept", "one whole"])
def test_other_layouts(ranks, layout: str) -> None:
    """Copies of shards; weights kept after the forward pass; parameters that are not sharded."""
    answers = ranks.run("trained_in_shards", name="every layer", mesh=layout)
    require_same_update(answers, replayed(answers, jobs.made("every layer")))


@pytest.mark.parametrize("sharded", [False, True])
def test_losses_that_the_module_makes(ranks, sharded: bool) -> None:
    """Finding them takes a pass, which ranks must make together where weights are gathered for it."""
    answers = ranks.run("own_losses", sharded=sharded)
    assert any(not own for answer in answers for own in answer["rows"])
    require_same_update(answers, replayed(answers, jobs.network(), expected=1, lr=0.05))


def test_users_stay_whole(ranks) -> None:
    answers = ranks.run("trained_in_shards", name="a network", users=[row // 4 for row in range(200)], batch_size=10)
    require_same_update(answers, replayed(answers, jobs.made("a network"), sums=by_user(4), expected=10))


def test_layers_may_have_norms_of_their_own(ranks) -> None:
    answers = ranks.run("trained_in_shards", name="every layer", clipping="per_layer")
    share = jobs.CLIP / 2  # four tensors
    wanted = of_each(lambda grads: [min(1.0, share / float(grad.norm())) for grad in grads])
    require_same_update(answers, replayed(answers, jobs.made("every layer"), sums=wanted))


def test_the_adaptive_norm_is_one(ranks) -> None:
    first, second = ranks.run("adaptive_in_shards")
    assert first == second != jobs.CLIP


def test_a_checkpoint_of_shards_is_whole(ranks, tmp_path) -> None:
    path = tmp_path / "loop.pt"
    first, second = ranks.run("resumed_in_shards", path=str(path))
    for name, value in first["saved"].items():
        assert np.array_equal(value, first["restored"][name])
        assert np.array_equal(value, second["restored"][name])
    assert first["steps"] == second["steps"] == 10
    # One process alone goes on with it.
    module, engine = jobs.network(3), PrivacyEngine()
    model, optimizer, _ = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=jobs.LR, momentum=jobs.MOMENTUM),
        data_loader=torch.utils.data.DataLoader(jobs.data(), batch_size=jobs.BATCH),
        noise_multiplier=1.0,
        max_grad_norm=jobs.CLIP,
        epochs=2,
    )
    engine.load_checkpoint(path=path, module=model, optimizer=optimizer)
    assert engine.steps == 10
    for name, value in first["saved"].items():
        assert np.array_equal(value, model.state_dict()[name].numpy())
    for state, momentum in zip(optimizer.state.values(), first["momentum"], strict=True):
        assert np.array_equal(state["momentum_buffer"].numpy(), momentum)


@pytest.mark.parametrize(
    ("how", "words"), [("by tensor", "tensor parallelism"), ("over one rank each", "over 1 of 2 ranks")]
)
def test_other_layouts_are_refused_by_all(ranks, how: str, words: str) -> None:
    first, second = ranks.run("laid_out_otherwise", how=how)
    assert first[0] == second[0] == "InvalidParameter"
    assert words in first[1]


def test_passes_must_keep_step(ranks) -> None:
    first, second = ranks.run("uneven_pieces")
    assert first == second
    assert "physical batch size" in first[1]


def test_a_module_that_mixes_examples_is_refused_by_all(ranks) -> None:
    first, second = ranks.run("mixing")
    assert first[0] == second[0] == "UnsupportedModule"


def test_half_precision_passes_give_single_precision_weights(ranks) -> None:
    answers = ranks.run("in_half_precision")
    assert answers[0]["dtype"] == "torch.float32"
    for name, tensor in replayed(answers, jobs.network()).items():
        assert np.array_equal(answers[0]["after"][name], answers[1]["after"][name])
        torch.testing.assert_close(torch.tensor(answers[0]["after"][name]), tensor, rtol=0, atol=0.02)
