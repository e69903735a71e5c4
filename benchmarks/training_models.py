"""The networks that training is timed on, by peers and by us: name -> (module, batch of inputs, labels).

Kept free of imports but torch's, because the peers' environment runs this file too.
"""

import torch
import torch.nn.functional as F
from torch import nn


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


class Recurrent(nn.Module):
    def __init__(self, lstm=nn.LSTM):
        super().__init__()
        self.tokens, self.lstm, self.out = nn.Embedding(2000, 128), lstm(128, 256, batch_first=True), nn.Linear(256, 2)

    def forward(self, x):
        return self.out(self.lstm(self.tokens(x))[0][:, -1])


class Block(nn.Module):
    """A transformer's layer whose attention is made of linear layers, so that every engine takes it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.back = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, steps, width = x.shape
        q, k, v = self.into(self.before(x)).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, steps, width)
        x = x + self.back(seen)
        return x + self.down(F.gelu(self.up(self.after(x))))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(2000, 256), nn.Embedding(128, 256)
        self.blocks = nn.Sequential(*[Block(256, 4) for _ in range(4)])
        self.norm, self.out = nn.LayerNorm(256), nn.Linear(256, 2)

    def forward(self, x):
        places = torch.arange(x.shape[1]).repeat(len(x), 1)  # not expand: Opacus' ghost mode fails on such an index
        return self.out(self.norm(self.blocks(self.tokens(x) + self.places(places))).mean(1))


def models(lstm=nn.LSTM):
    torch.manual_seed(0)
    mlp = nn.Sequential(nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2))
    return {
        "logistic regression, batch 1024": (nn.Linear(100, 2), torch.randn(1024, 100), torch.randint(2, (1024,))),
        "MLP 100-256-256-2, batch 1024": (mlp, torch.randn(1024, 100), torch.randint(2, (1024,))),
        "CNN 28x28, batch 256": (Convolutions(), torch.randn(256, 1, 28, 28), torch.randint(10, (256,))),
        "embedding + LSTM, batch 64": (Recurrent(lstm), torch.randint(2000, (64, 64)), torch.randint(2, (64,))),
        "transformer 4x256, batch 16": (Transformer(), torch.randint(2000, (16, 128)), torch.randint(2, (16,))),
    }
