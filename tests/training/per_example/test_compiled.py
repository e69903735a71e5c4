"""Compiled passes give what plain ones give, whatever the compiler does with memory, and are recorded as they are."""

from __future__ import annotations

import copy
import functools
import os

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from privet.training import PrivacyEngine  # noqa: E402
from privet.training.execution import Execution  # noqa: E402
from privet.training.fitting import fit  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402
from privet.training.sampling import FullBatch  # noqa: E402

from .cases import CASES, Reused  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),
    # The compiler's own; what it says of itself is none of ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture
def traced(monkeypatch) -> None:
    """All of the compiler but its code, which takes most of the time."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    torch._dynamo.reset()


def sums(watch: Watch, x, y, *, clip_norm: float = 0.05):
    F.cross_entropy(watch(x), y, reduction="sum").backward()
    found = watch.clipped_sum(clip_norm=clip_norm)
    names = {parameter: name for name, parameter in watch.module.named_parameters()}
    return {names[parameter]: total for parameter, total in found.sums.items()}, found.norms


def same(found, wanted) -> None:
    torch.testing.assert_close(found[1], wanted[1], rtol=1e-4, atol=1e-6)
    assert set(found[0]) == set(wanted[0])
    for name, total in wanted[0].items():
        torch.testing.assert_close(found[0][name], total, rtol=2e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


LONG = "PRIVET_LONG_TESTS" in os.environ
# One of each way in which a case is run; all of them take minutes (PRIVET_LONG_TESTS=1).
SOME = [
    "linear on 3 axes", "conv2d reflect", "transposed conv2d groups", "embedding with padding", "embedding bag",
    "rms norm", "group norm", "instance norm 1d", "prelu", "lstm that gives its last state", "attention",
    "transformer layer", "weight norm", "tied weights", "weights tied by hand", "a layer used twice",
    "a bare parameter", "positions without a batch", "time before batch inside",
    "in-place activation after convolution", "low rank correction", "checkpointed",
]  # fmt: skip


@pytest.mark.parametrize("name", CASES if LONG else SOME)
def test_cases_of_the_matrix_are_what_they_are_without_the_compiler(name: str, traced) -> None:
    torch.manual_seed(7)
    make, batch = CASES[name]
    module = make()
    compiled, plain = Watch(copy.deepcopy(module), compile=True), Watch(module)
    for count in (6, 4):
        x, y = batch(count), torch.randint(3, (count,))
        same(sums(compiled, x.clone(), y), sums(plain, x.clone(), y))


class Everything(nn.Module):
    """Layers of most families, one used twice, a parameter of its own, and much between them to be fused."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 8, 3, padding=1), nn.GroupNorm(2, 8)
        self.slope, self.turn = nn.PReLU(), nn.Linear(36, 16)
        self.scale, self.twice, self.after = nn.Parameter(torch.ones(16)), nn.Linear(16, 16), nn.LayerNorm(16)
        self.memory, self.out = nn.LSTM(16, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        seen = self.slope(self.norm(self.first(x))).flatten(2)
        seen = F.gelu(self.turn(seen)) * 2 + 1
        seen = self.after(seen + torch.tanh(self.twice(torch.sin(self.twice(seen)))))
        return self.out(self.memory(Scale.scaled(self, seen))[0].mean(1))


class Fused(nn.Module):
    """What of it the compiler fuses most: it takes minutes for the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.turn, self.twice, self.after, self.out = (
            nn.Linear(36, 16),
            nn.Linear(16, 16),
            nn.LayerNorm(16),
            nn.Linear(16, 3),
        )
        self.scale = nn.Parameter(torch.ones(16))

    def forward(self, x):
        seen = F.gelu(self.turn(x.flatten(2))) * 2 + 1
        seen = self.after(seen + torch.tanh(self.twice(torch.sin(self.twice(seen)))))
        return self.out(Scale.scaled(self, seen).mean(1))


class Scale:
    @staticmethod
    def scaled(module: nn.Module, x):
        return x * module.scale


@pytest.mark.slow
@pytest.mark.parametrize("memory", [None, 0])
def test_code_that_uses_memory_again_harms_nothing_that_is_kept(memory) -> None:
    torch._dynamo.reset()
    torch.manual_seed(3)
    plain = Everything() if LONG else Fused()
    # A parameter of the root's own would make all of it one that is differentiated once more.
    plain.scale.requires_grad_(False)
    compiled = Watch(copy.deepcopy(plain), compile=True, memory=memory)
    watch = Watch(plain, memory=memory)
    # Every kind of size is compiled anew: any, one, none.
    for count in (6, 3, 7, 6, 1) if LONG else (6, 3):
        x, y = torch.randn(count, 2, 6, 6), torch.randint(3, (count,))
        same(sums(compiled, x, y), sums(watch, x, y))
        if not LONG:
            continue
        nobody, norms = sums(compiled, x[:0], y[:0])
        assert len(norms) == 0
        assert not any(total.abs().sum() for total in nobody.values())


def test_an_example_that_is_not_finite_adds_nothing(traced) -> None:
    torch.manual_seed(5)
    module = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))
    compiled, plain = Watch(copy.deepcopy(module), compile=True), Watch(module)
    x, y = torch.randn(6, 8), torch.randint(3, (6,))
    x[2] = float("nan")
    found, wanted = sums(compiled, x, y)[0], sums(plain, x, y)[0]
    for name, total in wanted.items():
        assert found[name].isfinite().all()
        torch.testing.assert_close(found[name], total)


def test_passes_that_are_forgotten_tell_nothing_and_several_add_up(traced) -> None:
    watch = Watch(Reused(), compile=True)
    x, y = torch.randn(4, 8), torch.randint(3, (4,))
    wanted = sums(watch, x, y)
    late = F.cross_entropy(watch(x), y, reduction="sum")
    assert watch.awaits
    watch.forget()
    late.backward()
    assert not watch.holds
    same(sums(watch, x, y), wanted)
    both = F.cross_entropy(watch(x), y, reduction="sum") + F.cross_entropy(watch(x), y, reduction="sum")
    both.backward()
    torch.testing.assert_close(watch.clipped_sum(clip_norm=1e6).norms, 2 * wanted[1], rtol=1e-4, atol=1e-6)


def test_the_module_itself_is_not_recorded_and_comes_back_as_it_was(traced) -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 8, batch_first=True))
    module.forward = lambda x: module[1](module[0](x))[0][:, -1]
    x, y = torch.randn(4, 5, 8), torch.randint(3, (4,))
    watch = Watch(module, compile=True)
    out = watch(x)
    torch.testing.assert_close(out, module(x))
    F.cross_entropy(out, y, reduction="sum").backward()
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(parameter.requires_grad for parameter in module.parameters())
    watch.clipped_sum(clip_norm=1.0)
    F.cross_entropy(module(x), y).backward()
    assert not watch.holds
    module.zero_grad()
    watch.release()
    assert type(module[1]) is nn.LSTM
    assert not any(part._forward_hooks or "forward" in vars(part) for part in module.children())
    F.cross_entropy(module(x), y).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_mixed_precision_is_what_it_is_without_up_to_its_rounding(traced) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(2), nn.Linear(36, 8), nn.LayerNorm(8), nn.GELU(),
        nn.Flatten(), nn.Linear(32, 3),
    )  # fmt: skip
    watches = Watch(copy.deepcopy(module), compile=True), Watch(module)
    x, y = torch.randn(5, 1, 8, 8), torch.randint(3, (5,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = [F.cross_entropy(watch(x), y, reduction="sum") for watch in watches]
    found = []
    for watch, loss in zip(watches, losses, strict=True):
        loss.backward()
        made = watch.clipped_sum(clip_norm=0.05).sums
        found.append(torch.cat([made[parameter].flatten() for parameter in watch.module.parameters()]))
    assert float((found[0] - found[1]).norm()) < 0.02 * float(found[1].norm())


class TiedHead(nn.Module):
    """A module without a rule that uses another's weight."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x):
        return F.linear(x, self.weight)


def test_a_weight_that_a_part_between_graphs_uses_too_is_counted_there_as_well(traced) -> None:
    torch.manual_seed(4)
    table, middle = nn.Embedding(3, 8), nn.Linear(8, 8)
    module = nn.Sequential(table, middle, nn.Tanh(), TiedHead(table.weight))
    compiled, plain = Watch(copy.deepcopy(module), compile=True), Watch(module)
    for count in (5, 3):
        x, y = torch.randint(3, (count,)), torch.randint(3, (count,))
        same(sums(compiled, x, y), sums(plain, x, y))


def test_a_copy_runs_by_weights_of_its_own(traced) -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 8, batch_first=True))
    module.forward = lambda x: module[1](module[0](x))[0]
    watch = Watch(module, compile=True)
    x = torch.randn(4, 5, 8)
    watch(x).sum().backward()
    watch.clipped_sum(clip_norm=1.0)
    made = copy.deepcopy(module[1])
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
    assert made(x)[0].abs().sum() == 0
    made(x)[0].sum().backward()
    assert not watch.holds


def trained(module: nn.Module, **settings) -> torch.Tensor:
    x = torch.arange(40 * 8.0).sin().view(40, 8)
    plain = getattr(module, "_orig_mod", module)
    model, optimizer, loader = PrivacyEngine().make_private(
        module=module,
        optimizer=torch.optim.SGD(plain.parameters(), lr=0.5),
        data_loader=DataLoader(TensorDataset(x, torch.arange(40) % 3), batch_size=40),
        noise_multiplier=1e-4,
        max_grad_norm=0.3,
        sampling=FullBatch(40),
        epochs=4,
        **settings,
    )
    for _ in range(4):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert set(model.state_dict()) == set(plain.state_dict())
    return torch.cat([parameter.detach().flatten() for parameter in plain.parameters()])


def test_a_loop_of_one_s_own_trains_as_without_and_may_compile_by_itself(traced) -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 3))

    wanted = trained(network())
    for module, settings in ((network(), {"execution": Execution(compile=True)}), (torch.compile(network()), {})):
        torch.testing.assert_close(trained(module, **settings), wanted, rtol=0, atol=1e-4)


def test_fit_compiles_if_told_to(traced) -> None:
    x = torch.randn(300, 8)
    made = fit(
        nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)), TensorDataset(x, (x[:, 0] > 0).long()),
        criterion=nn.CrossEntropyLoss(), epsilon=8.0, epochs=8, batch_size=50, execution=Execution(compile=True),
    )  # fmt: skip
    fresh = torch.randn(500, 8)
    assert float((made.module(fresh).argmax(1) == (fresh[:, 0] > 0)).float().mean()) > 0.8
