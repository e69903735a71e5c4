"""What rounding can hide: records made for it move no sum by more than the clip norm."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from privet.training.per_example.clipping import clip_factors  # noqa: E402
from privet.training.per_example.rule import Rule, rule_for  # noqa: E402
from privet.training.per_example.rules import convolution  # noqa: E402
from privet.training.per_example.rules.embedding import Embedding  # noqa: E402
from privet.training.per_example.rules.linear import Linear  # noqa: E402
from privet.training.per_example.uses import Use, UsesRule  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402


class LastState(nn.Module):
    """What a recurrent layer ends with."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.RNN(4, 64, nonlinearity="relu", batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.layer(x)[1][0]


class ByPairs(Embedding):
    """As devices take norms."""

    def squared_norms(self, module: Any, x: Any, g: Any) -> Any:
        return self._by_pairs(module, x, g)


def biases_alone(module: nn.Module) -> nn.Module:
    for name, parameter in module.named_parameters():
        parameter.requires_grad_("bias" in name)
    return module


# A layer, the shape of an example's input or the number of its tokens, and of its output.
LAYERS: dict[str, tuple[Callable[[], nn.Module], Any, tuple[int, ...]]] = {
    "linear, by Gram matrices": (lambda: nn.Linear(64, 64, bias=False), (4, 64), (4, 64)),
    "linear, by gradients": (lambda: nn.Linear(3, 2, bias=False), (8, 3), (8, 2)),
    "linear with a bias, by gradients": (lambda: nn.Linear(3, 2), (8, 3), (8, 2)),
    "embedding": (lambda: nn.Embedding(3, 4), 8, (8, 4)),
    "convolution over time": (lambda: nn.Conv1d(2, 3, 1), (2, 8), (3, 8)),
    "convolution": (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (2, 4, 4), (3, 4, 4)),
    "convolution, by pairs of patches": (lambda: nn.Conv2d(32, 32, 3, padding=1), (32, 3, 3), (32, 3, 3)),
    "convolution, transposed": (lambda: nn.ConvTranspose1d(2, 3, 1), (2, 8), (3, 8)),
    "layer norm": (lambda: nn.LayerNorm(4), (8, 4), (8, 4)),
    "prelu": (lambda: nn.PReLU(3), (3, 8), (3, 8)),
    "recurrent, by Gram matrices": (lambda: nn.RNN(64, 64), (4, 64), (4, 64)),
    "recurrent, by gradients": (lambda: nn.RNN(3, 2), (8, 3), (8, 2)),
    "recurrent, biases alone": (lambda: biases_alone(nn.RNN(3, 2)), (8, 3), (8, 2)),
    "recurrent, one step": (lambda: nn.RNN(3, 2), (1, 3), (1, 2)),
}


def told(rule: Rule, x: Any, g: Any) -> tuple[Any, Any]:
    """As the rule's methods are given it."""
    if not isinstance(rule, UsesRule):
        return x, g
    return [Use("weight_ih_l0", "bias_ih_l0", x, g), Use("weight_hh_l0", "bias_hh_l0", g.tanh(), g)], None


def cancelling(seen: Any, out: tuple[int, ...]) -> tuple[Any, Any]:
    """Three ordinary examples, and one whose places contribute much that nearly cancels."""
    at = int(torch.randint(4, ()))
    size = 10 ** float(torch.empty(()).uniform_(1, 15))
    rest = float(torch.randint(2, ())) * 10 ** float(torch.empty(()).uniform_(-8, -3))
    g = torch.randn(4, *out)
    x = torch.randint(3, (4, seen)) if isinstance(seen, int) else torch.randn(4, *seen)
    # Which axis holds the places is left to chance where there are several: one of them has what cancels.
    axis = 0 if isinstance(seen, int) or (len(seen) == 2 and out[0] == seen[0]) else 1
    places = out[axis]
    x[at] = x[at].narrow(axis if x.dim() > 2 else 0, 0, 1)
    signs = torch.ones(places)
    signs[torch.randperm(places)[: places // 2]] = -1 - rest
    shape = [1] * len(out)
    shape[axis] = places
    g[at] = size * g[at].narrow(axis, 0, 1) * signs.view(shape)
    return x, (g, at)


def moved(rule: Rule, module: nn.Module, x: Any, g: Any, at: int) -> float:
    """By how much the sum of clipped gradients moves with an example, all others being what they are."""
    alone = torch.zeros(len(g))
    alone[at] = 1
    others = 1 - alone
    given, slopes = told(rule, x, g)
    norms = rule.squared_norms(module, given, slopes).sqrt()
    factors = clip_factors(norms, clip_norm=1.0)
    less = torch.where(others.bool().view(-1, *[1] * (g.dim() - 1)), g, torch.zeros(()))
    with_it = rule.weighted(module, given, slopes, factors)
    without = rule.weighted(module, *told(rule, x, less), factors * others)
    parts = [(with_it[name].double() - without[name].double()).norm() for name in with_it]
    return float(torch.stack(parts).norm())


@pytest.mark.parametrize("name", LAYERS)
def test_what_cancels_within_an_example_moves_no_sum_by_more_than_the_clip(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    make, seen, out = LAYERS[name]
    module = make()
    rule = rule_for(module)
    assert rule is not None
    rules = [rule, ByPairs()] if isinstance(rule, Embedding) else [rule]
    if "pairs of patches" in name:
        # Whoever would win the race.
        monkeypatch.setattr(convolution, "quickest", lambda ways: len(ways) - 1)
    worst = 0.0
    for _ in range(300):
        x, (g, at) = cancelling(seen, out)
        worst = max(worst, *(moved(one, module, x, g, at) for one in rules))
    assert 0.1 < worst <= 1.01


def test_two_steps_that_nearly_cancel_are_not_taken_for_nothing() -> None:
    """A norm from Gram matrices that is too small would let the rest pass unclipped."""
    torch.manual_seed(0)
    rule, layer = Linear(), nn.Linear(64, 64, bias=False)
    for _ in range(200):
        size, rest = 10 ** float(torch.empty(1).uniform_(1, 4)), 10 ** float(torch.empty(1).uniform_(-6, -3))
        x, g = torch.randn(1, 1, 64).repeat(1, 2, 1), size * torch.randn(1, 2, 64)
        g[:, 1] = -g[:, 0] * (1 + rest)
        factors = clip_factors(rule.squared_norms(layer, x, g).sqrt(), clip_norm=1.0)
        assert float(rule.weighted(layer, x, g, factors)["weight"].double().norm()) <= 1.0


class Steep(nn.Module):
    """Outputs far below what single precision can square, so that gradients are too."""

    def __init__(self, *layers: nn.Module, size: float) -> None:
        super().__init__()
        self.layers, self.size = nn.Sequential(*layers), size

    def forward(self, x: Any) -> Any:
        found = self.layers(x) * self.size
        return found.flatten(1).sum(1)


SMALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "a chain": (lambda: nn.Linear(4, 1000), (4,)),
    "a chain without a bias": (lambda: nn.Linear(4, 1000, bias=False), (4,)),
    "linear": (lambda: nn.Sequential(nn.Linear(4, 1000), nn.Identity()), (4,)),
    "linear over time": (lambda: nn.Linear(100, 100), (2, 100)),
    "recurrent": (lambda: LastState(), (1, 4)),
}


@pytest.mark.parametrize("memory", [0, 1 << 30])
@pytest.mark.parametrize("name", SMALL)
def test_slopes_too_small_to_square_times_huge_inputs_are_clipped(name: str, memory: int) -> None:
    """The square of 1e-23 is zero in single precision, and 1e18 times it moves a sum."""
    torch.manual_seed(0)
    make, shape = SMALL[name]
    for size in (1e-20, 1e-22, 1e-23, 1e-24):
        net = Steep(make(), size=size)
        watch = Watch(net, memory=memory)
        x = torch.randn(3, *shape)
        x[1] *= 9e18
        (watch(x).sum() / 1000).backward()
        found = watch.clipped_sum(clip_norm=1e-3, scale=1000)
        alone = copy.deepcopy(net)
        grads = torch.autograd.grad(alone(x[1:2]).sum(), list(alone.parameters()))
        true = float(torch.stack([grad.double().norm() for grad in grads]).norm())
        total = float(torch.stack([part.double().norm() for part in found.sums.values()]).norm())
        assert total <= 3.01e-3, (size, true)
        if true > 1e-3:
            assert float(found.norms[1]) >= true * (1 - 1e-5)
