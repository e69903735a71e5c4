"""LSTMs of any number of layers and both directions, from their input and the gradient of their output sequence.

The gates' gradients of all examples come from one lean loop over time, forward and back, without weight gradients in
it. For gate gradients d of (T, 4H) and inputs a = [x, h] of (T, D + H) an example's weight gradient is d^T a, so its
squared norm is <d d^T, a a^T> over (T, T), and the clipped sum is one product for each weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, trainable


@dataclass(frozen=True, slots=True)
class _Pass:
    """One layer in one direction, time first and in its own order of time."""

    suffix: str
    inputs: Tensor
    hidden: Tensor
    cells: Tensor
    gates: Tensor
    squashed: Tensor


class Lstm(Rule):
    types = (nn.LSTM,)

    def handles(self, module: Any) -> bool:
        """Sequences with the batch first; projections and dropout between layers are left to differentiation."""
        return bool(module.batch_first and module.proj_size == 0 and (module.dropout == 0 or module.num_layers == 1))

    def direct(self, x: Tensor, g: Tensor) -> bool:
        return False

    def prepare(self, module: Any, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [x, h] and gates' gradients of every layer and direction, side by side. Shapes: (B, T, ...)."""
        layers = _forward(module, x.transpose(0, 1))
        above, seen, gates = g.transpose(0, 1), [], []
        for passes in reversed(layers):
            below = torch.zeros_like(passes[0].inputs)
            width = passes[0].hidden.shape[2]
            for number, done in enumerate(passes):
                own = _turned(above[..., number * width : (number + 1) * width], done.suffix)
                slopes = _backward(module, done, own)
                below = below + _turned(slopes @ _weight(module, "weight_ih", done.suffix), done.suffix)
                seen.append(_both(done))
                gates.append(slopes)
            above = below
        return torch.cat(seen, 2).transpose(0, 1).contiguous(), torch.cat(gates, 2).transpose(0, 1).contiguous()

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        made: Grads = {}
        for suffix, inputs, hidden, slopes in _parts(module, x, g):
            turned = slopes.transpose(1, 2)
            made |= _named(module, suffix, lambda t=turned, i=inputs: torch.bmm(t, i), "weight_ih")
            made |= _named(module, suffix, lambda t=turned, h=hidden: torch.bmm(t, h), "weight_hh")
            for bias in ("bias_ih", "bias_hh"):
                made |= _named(module, suffix, lambda s=slopes: s.sum(1), bias)
        return made

    def squared_norms(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        total = g.new_zeros(len(g))
        for suffix, inputs, hidden, slopes in _parts(module, x, g):
            grams = g.new_zeros(len(g), g.shape[1], g.shape[1])
            for part, seen in (("weight_ih", inputs), ("weight_hh", hidden)):
                if trainable(module, part + suffix):
                    grams = grams + torch.bmm(seen, seen.transpose(1, 2))
            grams = grams + sum(trainable(module, bias + suffix) for bias in ("bias_ih", "bias_hh"))
            total = total + (torch.bmm(slopes, slopes.transpose(1, 2)) * grams).sum((1, 2))
        return total.clamp_min(0)

    def weighted(self, module: Any, x: Tensor, g: Tensor, factors: Tensor) -> Grads:
        made: Grads = {}
        scaled = g * factors.to(g.dtype)[:, None, None]
        for suffix, inputs, hidden, slopes in _parts(module, x, scaled):
            flat = slopes.flatten(0, 1).t()
            made |= _named(module, suffix, lambda f=flat, i=inputs: f @ i.flatten(0, 1), "weight_ih")
            made |= _named(module, suffix, lambda f=flat, h=hidden: f @ h.flatten(0, 1), "weight_hh")
            for bias in ("bias_ih", "bias_hh"):
                made |= _named(module, suffix, lambda f=flat: f.sum(1), bias)
        return made


def _named(module: Any, suffix: str, make: Any, part: str) -> Grads:
    return {part + suffix: make()} if trainable(module, part + suffix) else {}


def _suffixes(module: Any, layer: int) -> list[str]:
    return [f"_l{layer}", f"_l{layer}_reverse"] if module.bidirectional else [f"_l{layer}"]


def _weight(module: Any, part: str, suffix: str) -> Tensor:
    found: Tensor = getattr(module, part + suffix).detach()
    return found


def _turned(tensor: Tensor, suffix: str) -> Tensor:
    """Time in the direction of the pass; turning twice is turning back."""
    return tensor.flip(0) if suffix.endswith("_reverse") else tensor


def _both(done: _Pass) -> Tensor:
    return torch.cat([done.inputs, done.hidden[:-1]], 2)


def _forward(module: Any, x: Tensor) -> list[list[_Pass]]:
    """Every layer's passes. Shapes: ``x`` (T, B, D)."""
    layers = []
    for layer in range(module.num_layers):
        passes = [_run(module, _turned(x, suffix), suffix) for suffix in _suffixes(module, layer)]
        x = torch.cat([_turned(done.hidden[1:], done.suffix) for done in passes], 2)
        layers.append(passes)
    return layers


def _run(module: Any, x: Tensor, suffix: str) -> _Pass:
    steps, batch, width = x.shape[0], x.shape[1], module.hidden_size
    gates = x @ _weight(module, "weight_ih", suffix).t()
    if module.bias:
        gates = gates + (_weight(module, "bias_ih", suffix) + _weight(module, "bias_hh", suffix))
    hidden, cells = x.new_zeros(steps + 1, batch, width), x.new_zeros(steps + 1, batch, width)
    squashed, recurrent = x.new_empty(steps, batch, width), _weight(module, "weight_hh", suffix).t()
    for t in range(steps):
        gate = gates[t].addmm_(hidden[t], recurrent)
        gate[:, : 2 * width].sigmoid_()
        gate[:, 2 * width : 3 * width].tanh_()
        gate[:, 3 * width :].sigmoid_()
        torch.mul(gate[:, width : 2 * width], cells[t], out=cells[t + 1])
        cells[t + 1].addcmul_(gate[:, :width], gate[:, 2 * width : 3 * width])
        torch.tanh(cells[t + 1], out=squashed[t])
        torch.mul(gate[:, 3 * width :], squashed[t], out=hidden[t + 1])
    return _Pass(suffix, x, hidden, cells, gates, squashed)


def _backward(module: Any, done: _Pass, above: Tensor) -> Tensor:
    """Gradients of the gates before their squashing. Shapes: ``above`` (T, B, H) to (T, B, 4H)."""
    steps, _, width = above.shape
    i, f, g, o = done.gates.split(width, 2)
    # Elementwise slopes of all steps at once; only the recurrence is a loop.
    of_o, of_c = done.squashed * (o - o * o), o * (1 - done.squashed.square())
    of_i, of_g, of_f = g * (i - i * i), i * (1 - g * g), done.cells[:-1] * (f - f * f)
    slopes, weight = torch.empty_like(done.gates), _weight(module, "weight_hh", done.suffix)
    hidden, cell = above[steps - 1].clone(), torch.zeros_like(above[0])
    for t in range(steps - 1, -1, -1):
        row = slopes[t]
        cell.addcmul_(hidden, of_c[t])
        torch.mul(hidden, of_o[t], out=row[:, 3 * width :])
        torch.mul(cell, of_i[t], out=row[:, :width])
        torch.mul(cell, of_f[t], out=row[:, width : 2 * width])
        torch.mul(cell, of_g[t], out=row[:, 2 * width : 3 * width])
        cell.mul_(f[t])
        if t:
            hidden = torch.addmm(above[t - 1], row, weight)
    return slopes


def _parts(module: Any, x: Tensor, g: Tensor) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    """Suffix, inputs, hidden states before each step and gates' gradients, in the order that ``prepare`` laid them."""
    width, seen, gated = module.hidden_size, 0, 0
    for layer in reversed(range(module.num_layers)):
        inside = module.input_size if layer == 0 else width * (2 if module.bidirectional else 1)
        for suffix in _suffixes(module, layer):
            inputs, hidden = x[..., seen : seen + inside], x[..., seen + inside : seen + inside + width]
            yield suffix, inputs, hidden, g[..., gated : gated + 4 * width]
            seen, gated = seen + inside + width, gated + 4 * width


RULE = Lstm()
