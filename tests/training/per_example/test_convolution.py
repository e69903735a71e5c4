"""Every way to a convolution's gradients and norms gives the same, and the quickest is taken."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import assume, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from privet.training.per_example import race  # noqa: E402
from privet.training.per_example.rules import convolution  # noqa: E402
from privet.training.per_example.rules.convolution import Convolution  # noqa: E402

PLAIN = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TURNED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


@st.composite
def layers(draw: Any) -> tuple[Any, Any, Any]:
    """A convolution of any kind in double precision, three inputs and the gradients of their outputs."""
    axes, turned, groups = draw(st.integers(1, 3)), draw(st.booleans()), draw(st.sampled_from([1, 1, 2, 3]))

    def each(least: int, most: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(least, most)) for _ in range(axes))

    options: dict[str, Any] = {"stride": each(1, 3), "dilation": each(1, 2), "padding": each(0, 2), "groups": groups}
    if turned:
        most = [max(pair) - 1 for pair in zip(options["stride"], options["dilation"], strict=True)]
        options["output_padding"] = tuple(draw(st.integers(0, size)) for size in most)
    else:
        options["padding_mode"] = draw(st.sampled_from(["zeros", "zeros", "circular", "replicate"]))
    inside, outside = (groups * draw(st.integers(1, 3)) for _ in range(2))
    layer = (TURNED if turned else PLAIN)[axes](inside, outside, each(1, 4), bias=draw(st.booleans()), **options)
    x = torch.randn(3, inside, *each(4, 8), dtype=torch.double)
    layer = layer.double()
    try:
        out = layer(x)
    except RuntimeError:
        assume(False)  # the kernel is larger than the input, or nothing is left
    return layer, x, torch.randn_like(out)


def one_by_one(layer: Any, x: Any, g: Any, name: str) -> Any:
    wanted = getattr(layer, name)
    return torch.stack(
        [torch.autograd.grad(layer(one[None]), wanted, of[None])[0] for one, of in zip(x, g, strict=True)]
    )


@given(layers())
@settings(max_examples=120, deadline=None)
def test_all_ways_to_gradients_agree(case: tuple[Any, Any, Any]) -> None:
    layer, x, g = case
    rule, wanted = Convolution(), one_by_one(*case, "weight")
    padded, padding = rule._padded(layer, x)
    made = torch.empty_like(wanted)
    ways = rule._ways(layer, padded, g, made)
    if isinstance(layer, nn.Conv2d) and layer.groups == 1:
        ways.append(rule._by_outputs)  # of devices
    for way in ways:
        made.fill_(float("nan"))
        way(layer, padded, g, padding, made)
        torch.testing.assert_close(made, wanted)
    made = torch.empty_like(wanted, dtype=torch.float32)
    rule._in_single(ways[0], layer, padded, g, padding, made)
    torch.testing.assert_close(made.double(), wanted, rtol=1e-3, atol=1e-4)


@given(layers())
@settings(max_examples=120, deadline=None)
def test_norms_by_pairs_of_patches_are_those_of_gradients(case: tuple[Any, Any, Any]) -> None:
    layer, x, g = case
    assume(layer.groups == 1)
    wanted = one_by_one(*case, "weight").flatten(1).square().sum(1)
    if layer.bias is not None:
        wanted = wanted + one_by_one(*case, "bias").square().sum(1)
    # As much is added as rounding can hide of what the places contribute.
    sizes = layer.weight[0, 0].numel() * x.flatten(1).square().sum(1) * g.flatten(1).square().sum(1)
    found = Convolution()._by_pairs(*case)
    assert bool((found - wanted).abs().le(1e-12 * sizes + 1e-9 * wanted).all())


@pytest.mark.parametrize("number", range(5))
def test_whichever_way_wins_gradients_norms_and_sums_are_right(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where layers of several kinds have the same shapes."""
    monkeypatch.setattr(convolution, "quickest", lambda ways: min(number, len(ways) - 1))
    rule = Convolution()
    shapes = {"kernel_size": 3, "padding": 1}
    for layer in (
        nn.Conv2d(16, 16, **shapes),
        nn.ConvTranspose2d(16, 16, **shapes),
        nn.Conv2d(16, 16, **shapes, padding_mode="circular"),
        nn.Conv2d(32, 16, **shapes, groups=2),
    ):
        x = torch.randn(20, layer.in_channels, 3, 3)
        g, factors = torch.randn_like(layer(x)), torch.rand(20)
        wanted = one_by_one(layer, x, g, "weight")
        torch.testing.assert_close(rule.per_example(layer, x, g)["weight"], wanted, rtol=1e-4, atol=1e-5)
        squares = wanted.flatten(1).square().sum(1) + one_by_one(layer, x, g, "bias").square().sum(1)
        torch.testing.assert_close(rule.squared_norms(layer, x, g), squares, rtol=1e-3, atol=1e-5)
        total = torch.tensordot(factors, wanted, dims=([0], [0]))
        torch.testing.assert_close(rule.weighted(layer, x, g, factors)["weight"], total, rtol=1e-4, atol=1e-4)
        assert rule.direct(layer, x, g) is (layer.groups > 1 or number == 0)


@pytest.mark.parametrize("number", [1, 4])
def test_a_race_of_one_batch_holds_for_batches_of_other_sizes(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "quickest", lambda ways: min(number, len(ways) - 1))
    rule, layer = Convolution(), nn.Conv1d(2, 3, 3)
    for count in (20, 2, 1, 0, 16, 9, 17):
        x = torch.randn(count, 2, 8)
        g = torch.randn(count, 3, 6)
        found = rule.per_example(layer, x, g)["weight"]
        assert found.shape == (count, 3, 2, 3)
        if count:
            torch.testing.assert_close(found, one_by_one(layer, x, g, "weight"), rtol=1e-4, atol=1e-5)


def test_pairs_are_tried_where_they_need_fewer_products() -> None:
    few, many = nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
    rule = Convolution()
    assert rule._pairs_may_pay(few, torch.randn(2, 64, 8, 8), torch.randn(2, 64, 8, 8))
    assert not rule._pairs_may_pay(few, torch.randn(0, 64, 8, 8), torch.randn(0, 64, 8, 8))
    assert not rule._pairs_may_pay(many, torch.randn(2, 16, 32, 32), torch.randn(2, 16, 32, 32))
    few.weight.requires_grad_(False)
    assert not rule._pairs_may_pay(few, torch.randn(2, 64, 8, 8), torch.randn(2, 64, 8, 8))


def test_a_race_is_won_by_the_median_and_the_hopeless_drop_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first run of each touches fresh memory and does not count; the last way was quick once by luck.
    times = {"slow": [1.0] + [9.0] * 9, "good": [8.0] + [2.0] * 9, "lucky": [9.0, 1.9, *[2.3] * 8]}
    runs = {name: iter(seconds) for name, seconds in times.items()}
    calls: list[str] = []

    def seconds(way: Any) -> float:
        calls.append(way())
        return next(runs[calls[-1]])

    monkeypatch.setattr(race, "_seconds", seconds)
    assert race.quickest([lambda: "slow", lambda: "good", lambda: "lucky"]) == 1
    assert calls.count("slow") == 2
    assert calls.count("good") == calls.count("lucky") == 6


def test_alone_a_way_is_not_run() -> None:
    assert race.quickest([lambda: pytest.fail("it has nobody to race with")]) == 0
