"""Every case of the support matrix is right to rounding, or refused by name."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from privet.training.per_example import clipping  # noqa: E402
from privet.training.per_example.owners import UnsupportedModule  # noqa: E402
from privet.training.per_example.rules.embedding import Embedding  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402

from . import reference  # noqa: E402
from .cases import CASES, Between  # noqa: E402

FINITE = ("linear", "linear on 3 axes", "conv2d groups stride", "layer norm", "a bare parameter", "lstm")
# The plain module itself warns of this.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


def ours(module: nn.Module, x, y, *, clip_norm: float, memory: int = 1 << 30):
    watch = Watch(module, memory=memory)
    F.cross_entropy(watch(x), y, reduction="sum").backward()
    found = watch.clipped_sum(clip_norm=clip_norm)
    names = {parameter: name for name, parameter in module.named_parameters()}
    return {names[parameter]: total for parameter, total in found.sums.items()}, found.norms


@pytest.mark.parametrize(("clip_norm", "memory"), [(0.05, 1 << 30), (0.05, 0), (1e6, 1 << 30)])
@pytest.mark.parametrize("name", CASES)
def test_clipped_sums_are_those_of_one_example_at_a_time(name: str, clip_norm: float, memory: int) -> None:
    torch.manual_seed(7)
    make, batch = CASES[name]
    module, x, y = make(), batch(6), torch.randint(3, (6,))
    plain = copy.deepcopy(module)
    wanted, norms = reference.clipped_sum(plain, x.clone(), y, clip_norm=clip_norm)
    found, seen = ours(module, x, y, clip_norm=clip_norm, memory=memory)
    assert set(found) == set(wanted)
    torch.testing.assert_close(seen, norms, rtol=1e-4, atol=1e-6)
    for part, total in wanted.items():
        torch.testing.assert_close(
            found[part], total, rtol=2e-4, atol=2e-6 * min(clip_norm, 1), msg=lambda m, p=part: f"{p}: {m}"
        )


@pytest.mark.parametrize("bad", [None, float("nan")])
@pytest.mark.parametrize("name", CASES)
def test_sums_are_the_same_where_the_host_runs_ahead_of_its_device(name: str, bad: float | None, monkeypatch) -> None:
    torch.manual_seed(7)
    make, batch = CASES[name]
    module, x, y = make(), batch(6), torch.randint(3, (6,))
    if bad is not None and x.is_floating_point():
        x[1] = bad
    plain = copy.deepcopy(module)
    wanted, norms = ours(plain, x.clone(), y, clip_norm=0.05, memory=0)
    monkeypatch.setattr(clipping, "_runs_ahead", lambda norms: True)
    found, seen = ours(module, x, y, clip_norm=0.05, memory=0)
    torch.testing.assert_close(seen, norms, equal_nan=True)
    for part, total in wanted.items():
        torch.testing.assert_close(found[part], total)


def test_norms_of_embeddings_by_pairs_of_tokens_are_those_by_sorting() -> None:
    torch.manual_seed(2)
    for module in (nn.Embedding(5, 4), nn.Embedding(5, 4, padding_idx=1)):
        x, g = torch.randint(5, (7, 2, 6)), torch.randn(7, 2, 6, 4)
        wanted = Embedding().squared_norms(module, x, g)
        torch.testing.assert_close(Embedding._by_pairs(module, x, g), wanted)
    # Two equal tokens whose gradients nearly cancel: what is left must not be taken for nothing.
    g = 1e3 * torch.ones(1, 2, 4)
    g[0, 1] = -g[0, 1] + 0.01
    x, module = torch.zeros(1, 2, dtype=torch.int64), nn.Embedding(5, 4)
    torch.testing.assert_close(Embedding._by_pairs(module, x, g), Embedding().squared_norms(module, x, g))


@pytest.mark.parametrize("name", CASES)
def test_watching_leaves_no_trace(name: str) -> None:
    """No gradient is left on parameters, every one is trainable again, and outputs are those of the module."""
    torch.manual_seed(3)
    make, batch = CASES[name]
    module, x = make(), batch(5)
    trained = {part: parameter.requires_grad for part, parameter in module.named_parameters()}
    plain = module(x.clone())
    watch = Watch(module)
    out = watch(x.clone())
    torch.testing.assert_close(out, plain)
    out.sum().backward()
    assert all(parameter.grad is None for parameter in module.parameters())
    assert {part: parameter.requires_grad for part, parameter in module.named_parameters()} == trained
    watch.release()
    module(x.clone()).sum().backward()
    assert any(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize("name", CASES)
def test_batches_of_one_and_of_none(name: str) -> None:
    torch.manual_seed(5)
    make, batch = CASES[name]
    module, y = make(), torch.randint(3, (1,))
    x = batch(1)
    wanted, _ = reference.clipped_sum(copy.deepcopy(module), x.clone(), y, clip_norm=0.1)
    found, _ = ours(module, x, y, clip_norm=0.1)
    for part, total in wanted.items():
        torch.testing.assert_close(found[part], total, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_an_empty_batch_after_a_full_one_gives_nothing(name: str) -> None:
    """As Poisson sampling may hand out at any step."""
    torch.manual_seed(5)
    make, batch = CASES[name]
    watch, x = Watch(make()), batch(3)
    F.cross_entropy(watch(x), torch.randint(3, (3,)), reduction="sum").backward()
    watch.clipped_sum(clip_norm=1.0)
    out = watch(x[:0])
    assert out.shape == (0, 3)
    F.cross_entropy(out, torch.randint(3, (0,)), reduction="sum").backward()
    found = watch.clipped_sum(clip_norm=1.0)
    assert len(found.norms) == 0
    assert not any(total.abs().sum() for total in found.sums.values())


def test_an_empty_batch_gives_nothing_and_stops_nothing() -> None:
    watch = Watch(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)))
    for count in (0, 4, 0):
        F.cross_entropy(watch(torch.randn(count, 8)), torch.randint(3, (count,)), reduction="sum").backward()
        found = watch.clipped_sum(clip_norm=1.0)
        assert found.norms.shape == (count,)
        assert all(total.abs().sum() == 0 for total in found.sums.values()) or count


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 3e38])
@pytest.mark.parametrize(
    "name", ["linear", "linear on 3 axes", "conv2d groups stride", "layer norm", "a bare parameter", "lstm"]
)
def test_an_example_that_is_not_finite_adds_nothing_and_harms_nobody(name: str, bad: float) -> None:
    torch.manual_seed(11)
    make, batch = CASES[name]
    module, x, y = make(), batch(6), torch.randint(3, (6,))
    x[2] = bad
    wanted, _ = reference.clipped_sum(copy.deepcopy(module), x.clone(), y, clip_norm=0.1)
    found, _ = ours(module, x, y, clip_norm=0.1)
    for part, total in wanted.items():
        assert found[part].isfinite().all()
        torch.testing.assert_close(found[part], total, rtol=1e-3, atol=1e-6)


def test_the_mean_of_losses_is_scaled_back() -> None:
    torch.manual_seed(1)
    module, x, y = nn.Linear(8, 3), torch.randn(6, 8), torch.randint(3, (6,))
    wanted, norms = reference.clipped_sum(copy.deepcopy(module), x, y, clip_norm=0.3)
    watch = Watch(module)
    F.cross_entropy(watch(x), y).backward()
    found = watch.clipped_sum(clip_norm=0.3, scale=6)
    torch.testing.assert_close(found.norms, norms)
    torch.testing.assert_close(found.sums[module.weight], wanted["weight"])


class Averaged(nn.Module):
    """Every example sees the mean of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(x - x.mean(0, keepdim=True))


class Centred(nn.Module):
    """A parameter acts before the batch is averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        hidden = torch.tanh(self.layer(x))
        return self.head(hidden - hidden.mean(0, keepdim=True))


REFUSED = {
    "batch norm": (Between(nn.BatchNorm1d(8), 8), "BatchNorm1d.*GroupNorm"),
    "instance norm with running statistics": (
        nn.Sequential(nn.InstanceNorm1d(4, affine=True, track_running_stats=True), nn.Flatten(), nn.Linear(8, 3)),
        "track_running_stats",
    ),
    "the batch's mean": (Averaged(), "mixes examples"),
    "the batch's hidden mean": (Centred(), "mixes examples"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_mixes_examples_is_refused_by_name(name: str) -> None:
    module, words = REFUSED[name]
    module = copy.deepcopy(module).to(torch.empty(0).device)
    x = torch.randn(6, 4, 2) if "running" in name else torch.randn(6, 8)
    with pytest.raises(UnsupportedModule, match=words):
        Watch(module)(x)


@pytest.mark.parametrize("setting", [{"scale_grad_by_freq": True}, {"max_norm": 1.0}, {"sparse": True}])
def test_embeddings_that_look_at_the_batch_are_refused(setting: dict[str, object]) -> None:
    module = Between(nn.Embedding(11, 8, **setting), 40)
    with pytest.raises(UnsupportedModule, match=next(iter(setting))):
        Watch(module)(torch.randint(11, (6, 5)))


def test_dropout_within_what_is_run_twice_is_refused_and_elsewhere_allowed() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.dropout = nn.Parameter(torch.ones(8)), nn.Dropout(0.1)

        def forward(self, x):
            return self.dropout(x * self.scale)

    with pytest.raises(UnsupportedModule, match="dropout to 0"):
        Watch(Between(Scaled(), 8))(torch.randn(6, 8))
    Watch(Between(Scaled(), 8).eval())(torch.randn(6, 8))
    free = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    Watch(free)(torch.randn(6, 8)).sum().backward()


def test_the_check_leaves_random_state_buffers_and_dropout_alone() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    module.register_buffer("seen", torch.ones(2))
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    Watch(module)(torch.ones(2, 8).requires_grad_(False)[:0])
    torch.manual_seed(4)
    watch = Watch(module.eval())
    watch(torch.ones(2, 8))
    torch.testing.assert_close(torch.rand(3), expected)
    assert module[1].p == 0.5
    assert module.seen.tolist() == [1, 1]


class Remembers(nn.Module):
    """Writes the batch's mean into a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)
        self.register_buffer("seen", torch.zeros(8))

    def forward(self, x):
        if self.training:
            self.seen = 0.9 * self.seen + 0.1 * x.detach().mean(0)
        return self.head(x)


def test_a_buffer_that_a_pass_writes_is_refused() -> None:
    with pytest.raises(UnsupportedModule, match="'seen'"):
        Watch(Remembers())(torch.randn(6, 8))
    Watch(Remembers().eval())(torch.randn(6, 8))
