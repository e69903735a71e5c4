"""Every kind of clipping bounds one unit, and says what its noise must be."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.clipping import (  # noqa: E402
    AdaptiveClipping,
    AutomaticClipping,
    FlatClipping,
    PerLayerClipping,
)
from privet.training.per_example.watch import Watch  # noqa: E402

from ..per_example import reference  # noqa: E402

KINDS = {
    "flat": FlatClipping(0.3),
    "automatic": AutomaticClipping(0.3),
    "per layer": PerLayerClipping(0.3),
    "layer by layer": PerLayerClipping((0.1, 0.2, 0.15, math.sqrt(0.09 - 0.01 - 0.04 - 0.0225))),
    "adaptive": AdaptiveClipping(0.3, count_noise=2.0),
}


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def clipped(kind, module, x, y, *, units=None):
    watch = Watch(module)
    F.cross_entropy(watch(x), y).backward()
    found = kind.start().clip(watch, scale=float(len(x)), units=units)
    watch.release()
    return {name: found.sums.get(p, torch.zeros_like(p)) for name, p in module.named_parameters()}, found.norms


def examples(count: int, seed: int = 5):
    torch.manual_seed(seed)
    return 3 * torch.randn(count, 5), torch.randint(0, 3, (count,))


def single_gradients(module, x, y):
    made = []
    for i in range(len(x)):
        module.zero_grad()
        F.cross_entropy(module(x[i : i + 1]), y[i : i + 1]).backward()
        made.append({name: p.grad.clone() for name, p in module.named_parameters()})
    module.zero_grad()
    return made


def norm(grads) -> float:
    return float(torch.stack([grad.norm() for grad in grads.values()]).norm())


@pytest.mark.parametrize("name", ["flat", "adaptive"])
def test_flat_is_the_definition(name: str) -> None:
    module, (x, y) = network(), examples(9)
    wanted, norms = reference.clipped_sum(module, x, y, clip_norm=0.3)
    sums, found = clipped(KINDS[name], module, x, y)
    torch.testing.assert_close(found, norms, rtol=1e-5, atol=1e-6)
    for part, total in wanted.items():
        torch.testing.assert_close(sums[part], total, rtol=1e-4, atol=1e-6)


def test_automatic_is_the_definition() -> None:
    module, (x, y) = network(), examples(9)
    sums, _ = clipped(KINDS["automatic"], module, x, y)
    each = single_gradients(module, x, y)
    for part, total in sums.items():
        wanted = sum(grads[part] * 0.3 / (norm(grads) + 0.01) for grads in each)
        torch.testing.assert_close(total, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["per layer", "layer by layer"])
def test_per_layer_is_the_definition(name: str) -> None:
    module, (x, y) = network(), examples(9)
    sums, _ = clipped(KINDS[name], module, x, y)
    given_norms = KINDS[name].clip_norms
    limits = given_norms if isinstance(given_norms, tuple) else [0.15] * 4
    each = single_gradients(module, x, y)
    for (part, total), limit in zip(sums.items(), limits, strict=True):
        wanted = sum(grads[part] * min(1.0, limit / float(grads[part].norm())) for grads in each)
        torch.testing.assert_close(total, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("worst", [1e-3, 1.0, 1e4, 1e30, math.nan, math.inf])
def test_one_example_moves_the_sum_by_the_clip_norm_at_most(name: str, worst: float) -> None:
    module, (x, y) = network(), examples(6)
    x[2] *= worst
    with_it, _ = clipped(KINDS[name], module, x, y)
    keep = torch.arange(6) != 2
    without, _ = clipped(KINDS[name], module, x[keep], y[keep])
    moved = norm({part: with_it[part] - without[part] for part in with_it})
    assert moved <= 0.3 * (1 + 1e-5)
    if not math.isfinite(worst):
        assert moved < 1e-6


@pytest.mark.parametrize("name", list(KINDS))
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 5), worst=st.sampled_from([1e-2, 1.0, 1e6, math.nan]))
def test_one_user_moves_the_sum_by_the_clip_norm_at_most(name: str, seed: int, size: int, worst: float) -> None:
    """Users of several examples in any order; one of them is left out whole."""
    module, (x, y) = network(), examples(size + 6, seed)
    units = torch.cat([torch.full((size,), 3), torch.tensor([0, 1, 1, 2, 0, 2])])
    x[:size] *= worst
    order = torch.randperm(len(units), generator=torch.Generator().manual_seed(seed))
    x, y, units = x[order], y[order], units[order]
    with_it, norms = clipped(KINDS[name], module, x, y, units=units)
    keep = units != 3
    without, _ = clipped(KINDS[name], module, x[keep], y[keep], units=units[keep])
    assert len(norms) == 4
    assert norm({part: with_it[part] - without[part] for part in with_it}) <= 0.3 * (1 + 1e-5)


def test_a_users_gradient_is_the_mean_of_its_examples() -> None:
    module, (x, y) = network(), examples(5)
    units = torch.tensor([0, 1, 0, 0, 1])
    sums, norms = clipped(FlatClipping(0.05), module, x, y, units=units)
    each = single_gradients(module, x, y)
    wanted = {part: torch.zeros_like(total) for part, total in sums.items()}
    for user in (0, 1):
        own = [grads for grads, unit in zip(each, units.tolist(), strict=True) if unit == user]
        mean = {part: torch.stack([grads[part] for grads in own]).mean(0) for part in wanted}
        assert float(norms[user]) == pytest.approx(norm(mean), rel=1e-4)
        for part in wanted:
            wanted[part] += mean[part] * min(1.0, 0.05 / norm(mean))
    for part, total in wanted.items():
        torch.testing.assert_close(sums[part], total, rtol=1e-4, atol=1e-6)


def test_gradient_and_count_together_have_the_stated_noise_multiplier() -> None:
    """Two Gaussian answers of multipliers a and b are one of (a^-2 + b^-2)^-1/2; the count's sensitivity is 1/2."""
    for sigma, count_noise in ((1.0, 5.0), (0.5, 0.3), (4.0, 50.0)):
        gradient = AdaptiveClipping(1.0, count_noise=count_noise).gradient_noise(sigma)
        assert (gradient**-2 + (count_noise / 0.5) ** -2) ** -0.5 == pytest.approx(sigma)
        assert gradient > sigma
    with pytest.raises(InvalidParameter, match="the count alone"):
        AdaptiveClipping(1.0, count_noise=0.5).gradient_noise(1.0)


def test_the_count_is_of_units_within_the_norm_less_half_of_all() -> None:
    module, (x, y) = network(), examples(11)
    clipper = AdaptiveClipping(2.9, count_noise=1.0, quantile=0.4, learning_rate=0.3).start()
    watch = Watch(module)
    for part in (slice(0, 4), slice(4, 11)):
        F.cross_entropy(watch(x[part]), y[part]).backward()
        found = clipper.clip(watch, scale=float(len(x[part])), units=None)
        assert found.norms.min() < 2.9 < found.norms.max()
    watch.release()
    norms = torch.tensor([norm(grads) for grads in single_gradients(module, x, y)])
    below = int((norms <= 2.9).sum())
    assert clipper.state_dict()["count"] == below - 5.5
    clipper.after_step(torch.tensor(clipper.answers()) + 0.25, expected_units=11.0)
    assert clipper.clip_norm == pytest.approx(2.9 * math.exp(-0.3 * ((below + 0.25) / 11 - 0.4)), rel=1e-6)


def test_the_norm_finds_the_quantile() -> None:
    module, (x, y) = network(), examples(400)
    clipper = AdaptiveClipping(20.0, count_noise=2.0, quantile=0.3).start()
    watch = Watch(module)
    for step in range(120):
        F.cross_entropy(watch(x), y).backward()
        norms = clipper.clip(watch, scale=400.0, units=None).norms
        clipper.after_step(torch.tensor(clipper.answers()) + math.sin(step), expected_units=400.0)
    assert float((norms <= clipper.clip_norm).float().mean()) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FlatClipping(0.0),
        lambda: AutomaticClipping(1.0, stability=0.0),
        lambda: PerLayerClipping(()),
        lambda: PerLayerClipping((1.0, -1.0)),
        lambda: AdaptiveClipping(1.0, count_noise=0.0),
        lambda: AdaptiveClipping(1.0, count_noise=1.0, quantile=1.5),
        lambda: AdaptiveClipping(1.0, count_noise=1.0, learning_rate=0.0),
    ],
)
def test_nonsense_is_refused(make) -> None:
    with pytest.raises(InvalidParameter):
        make()


def test_as_many_norms_as_parameters() -> None:
    module, (x, y) = network(), examples(3)
    with pytest.raises(InvalidParameter, match="2 norms for 4"):
        clipped(PerLayerClipping((1.0, 1.0)), module, x, y)
