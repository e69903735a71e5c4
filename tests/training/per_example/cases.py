"""Modules that people train, each with a batch for it: the support matrix."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Between(nn.Module):
    """A layer between its input and a linear head."""

    def __init__(self, layer: nn.Module, features: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(features, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x)
        return self.head((out[0] if isinstance(out, tuple) else out).flatten(1))


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return found


class Tied(nn.Module):
    """One weight in two modules."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.out, self.head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False), nn.Linear(11, 3)
        self.out.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.out(self.embedding(x)).mean(1))
        return found


class TiedByHand(nn.Module):
    """A module's weight used outside its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 8), nn.Linear(11, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(F.linear(self.embedding(x), self.embedding.weight).mean(1))
        return found


class Reused(nn.Module):
    """A layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(torch.tanh(self.layer(torch.tanh(self.layer(x)))))
        return found


class Bare(nn.Module):
    """A parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.head = nn.Parameter(torch.randn(8)), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(x * self.scale)
        return found


class ClassToken(nn.Module):
    """A class token and positions, as vision transformers have."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.positions = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 6, 8))
        self.layer, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        found: Tensor = self.head(torch.tanh(self.layer(both))[:, 0])
        return found


class Positions(nn.Module):
    """Positions looked up once for the whole batch, as GPT-2 does."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places, self.head = nn.Embedding(11, 8), nn.Embedding(5, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(
            torch.tanh(self.tokens(x) + self.places(torch.arange(x.shape[1], device=x.device))[None]).mean(1)
        )
        return found


class TimeFirst(nn.Module):
    """Layers inside see the batch in their second axis."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm, self.head = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.norm(torch.tanh(self.layer(x.transpose(0, 1)))).mean(0))
        return found


class Expanded(nn.Module):
    """An index that is a view of fewer numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.embedding(x[:, :1].expand(-1, 4)).mean(1))
        return found


class LowRank(nn.Module):
    """A frozen layer with a trained correction of rank two."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.down, self.up = nn.Linear(8, 8), nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)
        self.head = nn.Linear(8, 3)
        self.base.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(torch.tanh(self.base(x) + self.up(self.down(x))))
        return found


class Checkpointed(nn.Module):
    """Activations computed again in the backward pass."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        from torch.utils.checkpoint import checkpoint

        hidden = torch.tanh(self.first(x))
        found: Tensor = self.head(
            checkpoint(lambda h: torch.tanh(self.second(h)), hidden, use_reentrant=self.reentrant)
        )
        return found


class TimeFirstLstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.LSTM(8, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.layer(x.transpose(0, 1))[0].mean(0))
        return found


class LastState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.layer(x)[1][1][0])
        return found


class GivenState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = (x.mean(1)[None, :, :6].contiguous(), x[:, 0, :6][None].contiguous())
        found: Tensor = self.head(self.layer(x, state)[0].mean(1))
        return found


class BagsInARow(nn.Module):
    """Tokens of all examples in a row, and where each begins."""

    def __init__(self) -> None:
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(11, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.bag(x.flatten(), torch.arange(len(x)) * x.shape[1]))
        return found


def frozen() -> nn.Module:
    module = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    module[0].requires_grad_(False)
    return module


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)


def numbers(*shape: int) -> Callable[[int], Tensor]:
    return lambda count: torch.randn(count, *shape)


def tokens(count: int) -> Tensor:
    return torch.randint(11, (count, 5))


def _between(make: Callable[[], nn.Module], features: int) -> Callable[[], nn.Module]:
    return lambda: Between(make(), features)


Case = tuple[Callable[[], nn.Module], Callable[[int], Tensor]]
CASES: dict[str, Case] = {
    "linear": (_between(lambda: nn.Linear(8, 8), 8), numbers(8)),
    "linear without bias": (_between(lambda: nn.Linear(8, 8, bias=False), 8), numbers(8)),
    "linear on 3 axes": (_between(lambda: nn.Linear(8, 8), 40), numbers(5, 8)),
    "linear on 4 axes": (_between(lambda: nn.Linear(8, 8), 80), numbers(2, 5, 8)),
    "wide linear on 3 axes": (_between(lambda: nn.Linear(40, 30), 60), numbers(2, 40)),
    "conv1d": (_between(lambda: nn.Conv1d(3, 4, 3), 24), numbers(3, 8)),
    "conv2d groups stride": (_between(lambda: nn.Conv2d(4, 4, 3, groups=2, stride=2, padding=1), 64), numbers(4, 8, 8)),
    "conv2d depthwise": (_between(lambda: nn.Conv2d(4, 8, 3, groups=4, bias=False), 288), numbers(4, 8, 8)),
    "conv2d dilated same": (_between(lambda: nn.Conv2d(4, 4, 3, dilation=2, padding="same"), 256), numbers(4, 8, 8)),
    "conv2d same, even kernel": (_between(lambda: nn.Conv2d(2, 3, 4, padding="same"), 192), numbers(2, 8, 8)),
    **{
        f"conv2d {mode}": (
            _between(lambda m=mode: nn.Conv2d(2, 4, 3, padding=1, padding_mode=m), 256),
            numbers(2, 8, 8),
        )
        for mode in ("reflect", "replicate", "circular")
    },
    "conv3d": (_between(lambda: nn.Conv3d(2, 3, 3), 24), numbers(2, 4, 4, 4)),
    "transposed conv1d": (_between(lambda: nn.ConvTranspose1d(2, 3, 3, stride=2, output_padding=1), 36), numbers(2, 5)),
    "transposed conv2d": (_between(lambda: nn.ConvTranspose2d(2, 3, 3, stride=2), 243), numbers(2, 4, 4)),
    "transposed conv2d groups": (
        _between(lambda: nn.ConvTranspose2d(4, 6, 3, groups=2, padding=1), 96),
        numbers(4, 4, 4),
    ),
    "embedding": (_between(lambda: nn.Embedding(11, 8), 40), tokens),
    "embedding with padding": (_between(lambda: nn.Embedding(11, 8, padding_idx=0), 40), tokens),
    "embedding of an expanded index": (Expanded, tokens),
    "embedding bag": (_between(lambda: nn.EmbeddingBag(11, 8), 8), tokens),
    "embedding bag sum": (_between(lambda: nn.EmbeddingBag(11, 8, mode="sum", padding_idx=2), 8), tokens),
    "embedding bag max": (_between(lambda: nn.EmbeddingBag(11, 8, mode="max"), 8), tokens),
    "embedding bags in a row": (BagsInARow, tokens),
    "layer norm": (_between(lambda: nn.LayerNorm(8), 40), numbers(5, 8)),
    "layer norm over two axes": (_between(lambda: nn.LayerNorm((5, 8)), 40), numbers(5, 8)),
    "rms norm": (_between(lambda: nn.RMSNorm(8), 40), numbers(5, 8)),
    "group norm": (_between(lambda: nn.GroupNorm(2, 4), 256), numbers(4, 8, 8)),
    "instance norm": (_between(lambda: nn.InstanceNorm2d(4, affine=True), 256), numbers(4, 8, 8)),
    "instance norm 1d": (_between(lambda: nn.InstanceNorm1d(4, affine=True), 32), numbers(4, 8)),
    "prelu": (_between(lambda: nn.PReLU(8), 8), numbers(8)),
    "prelu with one slope": (_between(lambda: nn.PReLU(), 32), numbers(4, 8)),
    "lstm": (_between(lambda: nn.LSTM(8, 8, batch_first=True), 40), numbers(5, 8)),
    "lstm, two layers, both ways": (
        _between(lambda: nn.LSTM(8, 6, num_layers=2, bidirectional=True, batch_first=True), 60),
        numbers(5, 8),
    ),
    "lstm without bias": (_between(lambda: nn.LSTM(8, 6, bias=False, batch_first=True), 30), numbers(5, 8)),
    "lstm with time first": (TimeFirstLstm, numbers(5, 8)),
    "lstm that gives its last state": (LastState, numbers(5, 8)),
    "lstm that is given a state": (GivenState, numbers(5, 8)),
    "gru": (_between(lambda: nn.GRU(8, 8, batch_first=True), 40), numbers(5, 8)),
    "rnn": (_between(lambda: nn.RNN(8, 8, batch_first=True), 40), numbers(5, 8)),
    "attention": (_between(SelfAttention, 40), numbers(5, 8)),
    "transformer layer": (_between(encoder, 40), numbers(5, 8)),
    "bilinear": (_between(lambda: Square(), 4), numbers(8)),
    "weight norm": (_between(lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)), 8), numbers(8)),
    "tied weights": (Tied, tokens),
    "weights tied by hand": (TiedByHand, tokens),
    "a layer used twice": (Reused, numbers(8)),
    "a bare parameter": (Bare, numbers(8)),
    "class token and positions": (ClassToken, numbers(5, 8)),
    "positions without a batch": (Positions, tokens),
    "time before batch inside": (TimeFirst, numbers(5, 8)),
    "in-place activation": (lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)), numbers(8)),
    "in-place activation after convolution": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 3)),
        numbers(2, 8, 8),
    ),
    "frozen base": (frozen, numbers(8)),
    "low rank correction": (LowRank, numbers(8)),
    "checkpointed": (lambda: Checkpointed(reentrant=False), numbers(8)),
    "checkpointed, the old way": (lambda: Checkpointed(reentrant=True), numbers(8)),
}


class Square(nn.Module):
    """A layer of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.form = nn.Bilinear(8, 8, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.form(x, x.flip(1))
        return found
