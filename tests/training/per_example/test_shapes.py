"""Every rule on random shapes and options, against one example at a time in double precision."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from hypothesis import assume, example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from privet.training.per_example.watch import Watch  # noqa: E402

BELOW = 1 - 1e-6  # of the clip is what an example may reach, so that rounding carries none above it
small, seeds = st.integers(1, 4), st.integers(0, 10**6)
CONVOLUTIONS = {
    (1, False): nn.Conv1d, (2, False): nn.Conv2d, (3, False): nn.Conv3d,
    (1, True): nn.ConvTranspose1d, (2, True): nn.ConvTranspose2d, (3, True): nn.ConvTranspose3d,
}  # fmt: skip


def compared(layer: nn.Module, x, *, memory: int, seed: int) -> None:
    """Norms and clipped sums of a loss that weighs every output differently."""
    torch.manual_seed(seed)
    module = layer.double()
    x = x.double() if x.is_floating_point() else x
    plain, watch = copy.deepcopy(module), Watch(module, memory=memory)
    out = watch(x)
    weights = torch.randn_like(out)
    (out * weights).sum().backward()
    found = watch.clipped_sum(clip_norm=0.7)
    totals = [torch.zeros_like(p) for p in plain.parameters()]
    for number in range(len(x)):
        plain.zero_grad()
        (plain(x[number : number + 1]) * weights[number : number + 1]).sum().backward()
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in plain.parameters()]
        norm = torch.stack([grad.norm() for grad in grads]).norm()
        torch.testing.assert_close(found.norms[number], norm, rtol=1e-9, atol=1e-10)
        for total, grad in zip(totals, grads, strict=True):
            total += grad * min(1.0, 0.7 * BELOW / max(float(norm), 1e-30))
    for parameter, total in zip(module.parameters(), totals, strict=True):
        torch.testing.assert_close(found.sums[parameter], total, rtol=1e-8, atol=1e-11)
    watch.release()


many = settings(max_examples=25, deadline=None)
memories = st.sampled_from([0, 1 << 30])


@many
@example([7], 4, 3, 20, True, 0, 1)
@example([7], 4, 3, 20, True, 1 << 30, 1)
@given(st.lists(small, max_size=3), small, st.integers(1, 60), st.integers(1, 60), st.booleans(), memories, seeds)
def test_linear_layers_of_any_rank(between, batch, inside, outside, bias, memory, seed) -> None:
    compared(nn.Linear(inside, outside, bias), torch.randn(batch, *between, inside), memory=memory, seed=seed)


@many
@given(
    st.sampled_from(list(CONVOLUTIONS)), small, small, small, st.integers(1, 3), st.integers(1, 2), st.integers(1, 2),
    st.integers(0, 2), st.sampled_from(["zeros", "reflect", "replicate", "circular", "same"]), st.booleans(), memories,
    seeds,
)  # fmt: skip
def test_convolutions_of_every_option(
    kind, batch, inside, outside, groups, stride, dilation, padding, mode, bias, memory, seed
) -> None:
    axes, transposed = kind
    options = {"stride": stride, "dilation": dilation, "groups": groups, "bias": bias, "padding": padding}
    if not transposed and mode == "same":
        options |= {"padding": "same", "stride": 1}
    elif not transposed:
        options["padding_mode"] = mode
    layer = CONVOLUTIONS[kind](groups * inside, groups * outside, 3, **options)
    x = torch.randn(batch, groups * inside, *[6, 7, 5][:axes])
    assume(min(layer(x).shape) > 0)
    compared(layer, x, memory=memory, seed=seed)


@many
@given(small, st.integers(1, 6), st.integers(1, 9), st.integers(1, 5), st.none() | st.integers(0, 8), memories, seeds)
def test_embeddings_with_and_without_padding(batch, steps, tokens, width, padding, memory, seed) -> None:
    layer = nn.Embedding(tokens, width, padding_idx=None if padding is None else min(padding, tokens - 1))
    compared(layer, torch.randint(tokens, (batch, steps)), memory=memory, seed=seed)


@many
@given(st.sampled_from(["layer", "rms", "group", "instance"]), small, small, small, st.integers(2, 6), memories, seeds)
def test_normalisations(kind, batch, groups, each, cells, memory, seed) -> None:
    channels = groups * each
    layer = {
        "layer": lambda: nn.LayerNorm((channels, cells)), "rms": lambda: nn.RMSNorm(cells),
        "group": lambda: nn.GroupNorm(groups, channels), "instance": lambda: nn.InstanceNorm1d(channels, affine=True),
    }[kind]()  # fmt: skip
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    compared(layer, torch.randn(batch, channels, cells) * 3 + 1, memory=memory, seed=seed)


LAYERS = st.sampled_from([nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Identity, None])


@many
@given(st.lists(st.tuples(st.integers(1, 20), LAYERS), min_size=1, max_size=4), st.booleans(), small, memories, seeds)
def test_chains_of_layers(parts, flat, batch, memory, seed) -> None:
    layers, width = [nn.Flatten()] if flat else [], 6
    for outside, kind in parts:
        layers += [nn.Linear(width, outside), *([kind()] if kind is not None else [])]
        width = outside
    compared(nn.Sequential(*layers), torch.randn(batch, 2, 3).view(batch, *([2, 3] if flat else [6])), memory=memory,
             seed=seed)  # fmt: skip
