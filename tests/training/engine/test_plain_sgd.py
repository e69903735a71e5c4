"""The quick step of SGD is the optimizer's own, bit for bit, or is left to it."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.optim.optimizer import register_optimizer_step_pre_hook  # noqa: E402

from privet.training.engine import plain_sgd  # noqa: E402

stepped = torch.no_grad()(plain_sgd.stepped)


def optimizers(**options):
    modules = [nn.Linear(3, 2)]
    modules.append(copy.deepcopy(modules[0]))
    made = [
        torch.optim.SGD([{"params": [m.weight], "lr": 0.3}, {"params": [m.bias]}], lr=0.1, **options) for m in modules
    ]
    return modules, made


def give_gradients(modules) -> None:
    for ours, theirs in zip(*(m.parameters() for m in modules), strict=True):
        ours.grad = torch.randn_like(ours)
        theirs.grad = ours.grad.clone()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_are_the_same_bit_for_bit(momentum: float) -> None:
    modules, (quick, own) = optimizers(momentum=momentum)
    for number in range(4):
        give_gradients(modules)
        done = stepped(quick)
        # The first step with momentum makes the velocities.
        assert done == (momentum == 0 or number > 0)
        if not done:
            quick.step()
        own.step()
        for ours, theirs in zip(*(m.parameters() for m in modules), strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "options", [{"weight_decay": 0.1}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "dampening": 0.1},
                {"maximize": True}, {"lr": torch.tensor(0.1)}, {"fused": True}]
)  # fmt: skip
def test_other_kinds_of_steps_are_left_to_the_optimizer(options) -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], **{"lr": 0.1, **options})
    for _ in range(2):
        weight.grad = torch.ones(2)
        before = weight.detach().clone()
        assert not stepped(optimizer)
        assert torch.equal(weight, before)
        optimizer.step()


def test_other_optimizers_hooks_and_missing_gradients_are_left_alone() -> None:
    weight = nn.Parameter(torch.ones(2))
    assert not stepped(torch.optim.SGD([weight], lr=0.1))
    weight.grad = torch.ones(2)
    assert not stepped(torch.optim.Adam([weight]))
    hooked = torch.optim.SGD([weight], lr=0.1)
    hooked.register_step_post_hook(lambda *_: None)
    assert not stepped(hooked)
    replaced = torch.optim.SGD([weight], lr=0.1)
    replaced.step = lambda: None
    assert not stepped(replaced)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", lambda self: None)
        assert not stepped(torch.optim.SGD([weight], lr=0.1))
    handle = register_optimizer_step_pre_hook(lambda *_: None)
    assert not stepped(torch.optim.SGD([weight], lr=0.1))
    handle.remove()
    assert stepped(torch.optim.SGD([weight], lr=0.1))


def test_a_scheduler_knows_of_the_step(recwarn) -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    weight.grad = torch.ones(2)
    assert stepped(optimizer)
    scheduler.step()
    assert not recwarn.list
    assert stepped(optimizer)
    assert weight.tolist() == pytest.approx([0.45, 0.45])
