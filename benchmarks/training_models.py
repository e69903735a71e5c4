"""The networks that training is timed on, by peers and by us: name -> problem.

Kept free of imports but torch's, because the peers' environment runs this file too.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Problem:
    """A module with a batch. ``tokens`` says that every token has a label, so that an example's loss is their mean."""

    net: Any
    x: Any
    y: Any
    tokens: bool = False

    def loss(self, out: Any) -> Any:
        return F.cross_entropy(out.flatten(0, -2), self.y.flatten()) if self.tokens else F.cross_entropy(out, self.y)

    def trained(self) -> list[Any]:
        return [parameter for parameter in self.net.parameters() if parameter.requires_grad]


class Convolutions(nn.Module):
    """The small network for 28x28 pictures of Opacus' MNIST example."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 16, 8, 2, padding=3), nn.Conv2d(16, 32, 4, 2)
        self.hidden, self.out = nn.Linear(512, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first(x)), 2, 1)
        x = F.max_pool2d(F.relu(self.second(x)), 2, 1)
        return self.out(F.relu(self.hidden(x.flatten(1))))


class Residual(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.first_norm, self.second_norm = nn.GroupNorm(min(16, inside), inside), nn.GroupNorm(16, outside)
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.short = None if inside == outside and stride == 1 else nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, x):
        seen = F.relu(self.first_norm(x))
        short = x if self.short is None else self.short(seen)
        return short + self.second(F.relu(self.second_norm(self.first(seen))))


class WideResNet(nn.Module):
    """WRN-16-2 with group normalisation (Zagoruyko & Komodakis 2016; De et al. 2022)."""

    def __init__(self):
        super().__init__()
        widths, blocks = [16, 32, 64, 128], []
        for stage in range(3):
            blocks.append(Residual(widths[stage], widths[stage + 1], 2 if stage else 1))
            blocks.append(Residual(widths[stage + 1], widths[stage + 1], 1))
        self.stem, self.blocks = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.Sequential(*blocks)
        self.norm, self.out = nn.GroupNorm(16, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.out(F.relu(self.norm(self.blocks(self.stem(x)))).mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, lstm=nn.LSTM):
        super().__init__()
        self.tokens, self.lstm, self.out = nn.Embedding(2000, 128), lstm(128, 256, batch_first=True), nn.Linear(256, 2)

    def forward(self, x):
        return self.out(self.lstm(self.tokens(x))[0][:, -1])


class Map(nn.Module):
    """A linear map, with a correction of rank eight beside it if asked for (Hu et al. 2022)."""

    def __init__(self, inside, outside, low_rank):
        super().__init__()
        self.whole = nn.Linear(inside, outside)
        self.down = nn.Linear(inside, 8, bias=False) if low_rank else None
        self.up = nn.Linear(8, outside, bias=False) if low_rank else None
        if low_rank:
            nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.whole(x) if self.up is None else self.whole(x) + 2 * self.up(self.down(x))


class Block(nn.Module):
    """A transformer's layer whose attention is made of linear layers, so that every engine takes it."""

    def __init__(self, width, heads, low_rank):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.back = Map(width, 3 * width, low_rank), Map(width, width, low_rank)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, steps, width = x.shape
        q, k, v = self.into(self.before(x)).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, steps, width)
        x = x + self.back(seen)
        return x + self.down(F.gelu(self.up(self.after(x))))


class Transformer(nn.Module):
    """A small language model; with ``low_rank`` only the corrections are trained."""

    def __init__(self, *, low_rank=False):
        super().__init__()
        self.tokens, self.places = nn.Embedding(2000, 256), nn.Embedding(128, 256)
        self.blocks = nn.Sequential(*[Block(256, 4, low_rank) for _ in range(4)])
        self.norm, self.out = nn.LayerNorm(256), nn.Linear(256, 2000, bias=False)
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(not low_rank or "into.down" in name or "into.up" in name
                                     or "back.down" in name or "back.up" in name)  # fmt: skip

    def forward(self, x):
        places = torch.arange(x.shape[1], device=x.device).repeat(
            len(x), 1
        )  # not expand: Opacus' ghost mode fails on such an index
        return self.out(self.norm(self.blocks(self.tokens(x) + self.places(places))))


# Those of which whole epochs are timed, with the loader that gives the batches.
EPOCHS = ("logistic regression, batch 1024", "MLP 100-256-256-2, batch 1024")


def _perceptron():
    return nn.Sequential(nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2))


def problems(lstm=nn.LSTM):
    """Makers of problems by name; each makes a fresh one from the same seed."""

    def made(net, x, y, tokens=False):
        def make():
            torch.manual_seed(0)
            return Problem(net(), x(), y(), tokens)

        return make

    vectors, two = (lambda: torch.randn(1024, 100)), (lambda: torch.randint(2, (1024,)))
    pages = lambda: torch.randint(2000, (16, 128))  # noqa: E731
    return {
        "logistic regression, batch 1024": made(lambda: nn.Sequential(nn.Linear(100, 2)), vectors, two),
        "MLP 100-256-256-2, batch 1024": made(_perceptron, vectors, two),
        "CNN 28x28, batch 256": made(
            Convolutions, lambda: torch.randn(256, 1, 28, 28), lambda: torch.randint(10, (256,))
        ),
        "WRN-16-2, batch 64": made(WideResNet, lambda: torch.randn(64, 3, 32, 32), lambda: torch.randint(10, (64,))),
        "embedding + LSTM, batch 64": made(
            lambda: Recurrent(lstm), lambda: torch.randint(2000, (64, 64)), lambda: torch.randint(2, (64,))
        ),
        "transformer 4x256, batch 16": made(Transformer, pages, pages, tokens=True),
        "transformer with LoRA, batch 16": made(lambda: Transformer(low_rank=True), pages, pages, tokens=True),
    }
