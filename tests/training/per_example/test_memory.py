"""What a step holds: nothing once it is done, and no pass is counted twice."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.per_example.first_batch import held_by  # noqa: E402
from privet.training.per_example.rules.convolution import Convolution  # noqa: E402
from privet.training.per_example.scratch import Scratch, empty  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402

from .cases import CASES, Between  # noqa: E402


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("memory", [0, 1 << 30])
@pytest.mark.parametrize("name", CASES)
def test_a_step_leaves_nothing_that_waits_for_the_garbage_collector(name: str, memory: int) -> None:
    """It comes seldom, and until then every step would hold memory of its own."""
    torch.manual_seed(1)
    make, batch = CASES[name]
    watch = Watch(make(), memory=memory)

    def step(count: int) -> None:
        watch(batch(count)).sum().backward()
        watch.clipped_sum(clip_norm=1.0)

    step(4)
    gc.disable()
    # What is there already, of other tests too, is not looked through.
    gc.freeze()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        step(4)
        step(3)
        gc.collect()
        left = [tuple(one.shape) for one in gc.garbage if issubclass(type(one), torch.Tensor)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()
    assert not left


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


class Stacked(nn.Module):
    """Large weights that see few places: the gradients of single examples are far larger than all that a pass holds."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Conv2d(32, 32, 3, padding=1) for _ in range(4)))

    def forward(self, x):
        return self.layers(x)


def test_unless_told_otherwise_no_more_is_kept_than_doubles_a_plain_step(monkeypatch: pytest.MonkeyPatch) -> None:
    # Norms by pairs of patches would need no memory at all.
    monkeypatch.setattr(Convolution, "direct", lambda *given: True)
    torch.manual_seed(2)
    module, x = Stacked(), torch.randn(32, 32, 2, 2)
    weights = sum(parameter.numel() * 4 for parameter in module.parameters())
    kept, sums = {}, {}
    for memory in (None, 1 << 30):
        watch = Watch(copy.deepcopy(module), memory=memory)
        watch(x).square().sum().backward()
        kept[memory] = sum(grad.numel() * 4 for grad in watch._reader.kept.values())
        found = watch.clipped_sum(clip_norm=1.0).sums
        sums[memory] = [found[parameter] for parameter in watch.module.parameters()]
    assert kept[1 << 30] == 32 * weights
    held = held_by(module, (x,), {}) * len(x)
    assert held < 4 * 2 * x.numel() * 4
    assert kept[None] <= 2 * (held + weights) < kept[1 << 30] / 2
    for ours, theirs in zip(sums[None], sums[1 << 30], strict=True):
        torch.testing.assert_close(ours, theirs)


class Narrowing(nn.Module):
    """Places get fewer and weights larger: what comes last in the forward pass comes first in the backward one."""

    def __init__(self) -> None:
        super().__init__()
        self.early, self.late = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 32, 3, padding=1)

    def forward(self, x):
        return self.late(nn.functional.avg_pool2d(self.early(x).tanh(), 4)).flatten(1).sum(1)


def test_where_memory_is_short_the_layers_with_most_places_are_kept() -> None:
    torch.manual_seed(3)
    module = Narrowing()
    each = {part: sum(4 * p.numel() for p in getattr(module, part).parameters()) for part in ("early", "late")}
    memory = 8 * each["late"] + 4 * each["early"]  # one is kept, not both
    short, ample = Watch(copy.deepcopy(module), memory=memory), Watch(copy.deepcopy(module), memory=1 << 30)
    kept = []
    for size in (8, 8, 9, 3, 9):
        x = torch.randn(size, 2, 16, 16)
        sums = []
        for watch in (short, ample):
            watch(x).square().sum().backward()
            kept.append({p.numel() for p in watch._reader.kept})
            found = watch.clipped_sum(clip_norm=0.5).sums
            sums.append([found[parameter] for parameter in watch.module.parameters()])
        for ours, theirs in zip(*sums, strict=True):
            torch.testing.assert_close(ours, theirs)
        scratch = sum(block.numel() * 4 for key, block in short._scratch._blocks.items() if key[0] is not None)
        assert scratch <= memory * 9 / 8
    early, late = ({p.numel() for p in getattr(module, part).parameters()} for part in ("early", "late"))
    # The first batch keeps what comes first; small batches have room for both.
    assert kept[::2] == [late, early, early, early | late, early]
    assert all(found == early | late for found in kept[1::2])


class Mixed(nn.Module):
    """At as many places each, of which the smaller weights save more for their size."""

    def __init__(self) -> None:
        super().__init__()
        self.large, self.small = nn.Linear(64, 256), nn.Linear(256, 16)

    def forward(self, x):
        return self.small(self.large(x).tanh()).flatten(1).sum(1)


def test_of_linear_maps_at_as_many_places_those_that_save_most_are_kept() -> None:
    module = Mixed()
    sizes = [4 * sum(p.numel() for p in part.parameters()) for part in (module.large, module.small)]
    watch, x = Watch(module, memory=5 * sizes[0] + 1), torch.randn(5, 32, 64)  # room for either, not for both
    assert sizes[1] < sizes[0]
    for _ in range(2):
        watch(x).sum().backward()
        kept = set(watch._reader.kept)
        watch.clipped_sum(clip_norm=1.0)
    assert kept == set(module.small.parameters())


def test_nothing_races_for_memory_that_it_could_not_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Convolution, "direct", lambda rule, module, x, g: asked.append(len(x)) or True)
    module = nn.Conv2d(8, 8, 3, padding=1)
    size = 4 * sum(parameter.numel() for parameter in module.parameters())
    watch = Watch(nn.Sequential(module, nn.Flatten()), memory=4 * size)
    for count in (5, 4, 0):
        watch(torch.randn(count, 8, 3, 3)).sum().backward()
        watch.clipped_sum(clip_norm=1.0)
    assert set(asked) <= {4, 0}
    assert 4 in asked


def test_what_a_pass_holds_is_counted_without_weights_and_outputs() -> None:
    x = torch.randn(7, 5)
    hidden = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2))
    # A linear layer holds its input, tanh its output, which is the next layer's input.
    assert held_by(hidden, (x,), {}) == 4 * (5 + 3)


def test_a_module_that_differentiates_by_itself_is_trained_though_nobody_can_count_what_it_holds() -> None:
    watch = Watch(Sloped())
    watch(torch.randn(4, 3)).sum().backward()
    assert len(watch.clipped_sum(clip_norm=1.0).norms) == 4
    assert held_by(Sloped(), (torch.randn(4, 3),), {}) is None


class Sloped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x) + torch.func.grad(lambda seen: seen.square().sum())(x.detach())
