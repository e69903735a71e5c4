"""What a step holds: nothing once it is done, and no pass is counted twice."""

from __future__ import annotations

import gc
import weakref

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.per_example.scratch import Scratch, empty  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402

from .cases import Between  # noqa: E402


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2))


@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_inputs_are_let_go_of_after_the_step_even_while_the_loss_is_held(memory: int) -> None:
    watch = Watch(network(), memory=memory)
    watch(torch.randn(4, 1, 4, 4)).sum().backward()
    watch.clipped_sum(clip_norm=1.0)
    x = torch.randn(4, 1, 4, 4)
    held = weakref.ref(x)
    loss = watch(x).sum()
    loss.backward()
    watch.clipped_sum(clip_norm=1.0)
    del x
    gc.collect()
    assert held() is None
    assert loss.isfinite()


@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_a_pass_that_is_differentiated_twice_is_refused(memory: int) -> None:
    watch = Watch(network(), memory=memory)
    loss = watch(torch.randn(4, 1, 4, 4)).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(InvalidParameter, match="differentiated twice"):
        loss.backward()


def test_a_pass_that_was_forgotten_gives_nothing() -> None:
    watch = Watch(network())
    loss = watch(torch.randn(4, 1, 4, 4)).sum()
    watch.forget()
    loss.backward()
    assert watch.clipped_sum(clip_norm=1.0).sums == {}


def test_memory_is_used_again_and_grows_only_with_what_is_asked_for() -> None:
    scratch, like = Scratch(), torch.zeros(1)
    places = []
    for size in (1 << 20, 1 << 19, 1 << 20):
        with scratch.used("here"):
            places.append(empty("weight", (size,), like).data_ptr())
    assert len(set(places)) == 1
    with scratch.used("here"):
        large = empty("weight", (1 << 21,), like)
    with scratch.used("elsewhere"):
        other = empty("weight", (1 << 21,), like)
    large.fill_(1.0)
    other.fill_(2.0)
    assert large.eq(1.0).all()


def test_a_call_that_goes_around_the_watch_is_not_recorded() -> None:
    """Else two people could share one clip: one in the batch, and one in another call of the same size."""
    torch.manual_seed(1)
    recurrent = Between(nn.GRU(4, 3, batch_first=True), 12)
    for module, shape in ((network(), (4, 1, 4, 4)), (nn.Sequential(nn.Linear(4, 2)), (4, 4)), (recurrent, (4, 4, 4))):
        watch, x = Watch(module), torch.randn(shape)
        watch(x).sum().backward()
        alone = watch.clipped_sum(clip_norm=1e9).norms
        (watch(x).sum() + module(torch.randn(shape)).sum()).backward()
        torch.testing.assert_close(watch.clipped_sum(clip_norm=1e9).norms, alone)
        watch.release()
