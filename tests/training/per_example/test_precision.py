"""Half, mixed and double precision: norms and sums are made in single precision at least, and the bound holds."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from privet.training.per_example.watch import Watch  # noqa: E402

from . import reference  # noqa: E402


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.recurrent, self.head = nn.Embedding(30, 8), nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.recurrent(self.table(x))[0].mean(1))


def nets():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    convolution = nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect")
    return {
        "linear": (nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 3)), torch.randn(9, 8)),
        "convolution": (
            nn.Sequential(convolution, nn.GroupNorm(2, 4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 3)),
            torch.randn(9, 1, 6, 6),
        ),
        "words": (Words(), torch.randint(0, 30, (9, 5))),
        "attention": (nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3)), torch.randn(9, 5, 8)),
    }


@pytest.mark.parametrize("mode", ["autocast", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["linear", "convolution", "words", "attention"])
def test_norms_and_sums_are_right_in_every_precision(name: str, mode: str) -> None:
    net, x = nets()[name]
    plain, y = copy.deepcopy(net), torch.arange(9) % 3
    inputs, close = x, 0.03
    if mode == "bfloat16":
        net.bfloat16()
        inputs = x.bfloat16() if x.is_floating_point() else x
    if mode == "float64":
        close = 1e-5
        for one in (net, plain):
            one.double()
        x = inputs = x.double() if x.is_floating_point() else x
    watch = Watch(net)
    with torch.autocast("cpu", enabled=mode == "autocast"):
        loss = F.cross_entropy(watch(inputs), y)
    loss.backward()
    found = watch.clipped_sum(clip_norm=0.4, scale=9.0)
    sums, norms = reference.clipped_sum(plain, x, y, clip_norm=0.4)
    assert found.norms.dtype == (torch.float64 if mode == "float64" else torch.float32)
    assert float((found.norms - norms).norm() / norms.norm()) < close
    got = torch.cat([found.sums[parameter].flatten().double() for parameter in net.parameters()])
    wanted = torch.cat([total.flatten().double() for total in sums.values()])
    assert float((got - wanted).norm() / wanted.norm()) < 2 * close
    assert all(total.dtype in (torch.float32, torch.float64) for total in found.sums.values())


@pytest.mark.parametrize("name", ["linear", "convolution", "words", "attention"])
def test_one_example_in_half_precision_stays_within_the_clip(name: str) -> None:
    """Rounding to eight bits would carry it above by up to 0.4 %."""
    net, x = nets()[name]
    watch = Watch(net.bfloat16())
    x = x.bfloat16() if x.is_floating_point() else x
    for number in range(9):
        F.cross_entropy(watch(x[number : number + 1]), torch.tensor([number % 3])).backward()
        sums = watch.clipped_sum(clip_norm=0.01).sums
        total = torch.cat([sums[parameter].flatten().double() for parameter in net.parameters()]).norm()
        assert float(total) <= 0.01
        assert float(total) > 0.0099
