"""The clipped sum of a chain of linear layers on single vectors, in few operations: small models are all overhead."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from privet.training.per_example.gram import underflow
from privet.training.per_example.reading import ByParameter
from privet.training.per_example.rule import NARROW, outer_sum
from privet.training.per_example.rules.chain import Chain, Seen
from privet.training.per_example.tape import Call

# Of what is in single precision, as all is here: squares of which what underflow takes is no more than rounding takes.
_LEAST = underflow(torch.empty(0)) / torch.finfo(torch.float32).eps


def of_call(calls: list[Call]) -> list[Seen]:
    """What the layers saw, if a step is one call of a chain whose every layer saw one vector of each example."""
    if len(calls) != 1 or not isinstance(calls[0].owner.rule, Chain):
        return []
    if any(use.x.shape[1] != 1 or use.x.dtype is not torch.float32 or use.g is None for use in calls[0].uses):
        return []
    layers = calls[0].owner.module._modules
    names = [use.weight.partition(".")[0] for use in calls[0].uses]
    return [
        Seen(name, layers[name], use.x.squeeze(1), _squeezed(use.g))
        for name, use in zip(names, calls[0].uses, strict=True)
    ]


def norms_of(seen: list[Seen], *, scale: float) -> Tensor | None:
    """Norms of the examples' gradients times ``scale``; None if one is not finite, or overflows on this shorter way.

    Their squares are sums over layers of |g|^2 (|x|^2 + 1): a bias is a weight on an input of one. Shapes: (B,).
    """
    total: Tensor | None = None
    for layer in seen:
        if layer.weight is None and layer.bias is None:
            continue
        own = _squares(layer.g).clamp_min_(layer.g.shape[1] * _LEAST)
        if layer.weight is not None:
            inputs = _squares(layer.x)
            if layer.bias is None:
                inputs.clamp_min_(layer.x.shape[1] * _LEAST)
            own = own.mul_(inputs) if layer.bias is None else torch.addcmul(own, own, inputs)
        total = own if total is None else total.add_(own)
    norms = torch.zeros(0) if total is None else total.sqrt_()
    if scale != 1.0:
        norms.mul_(scale)
    # Their sum would tell as much and take twice as long.
    return norms if math.isfinite(norms.dot(norms)) else None


def weighted(seen: list[Seen], factors: Tensor, *, own: bool) -> ByParameter:
    """Sums of the examples' gradients times ``factors`` (B,). ``own`` says that output gradients may be overwritten."""
    made: ByParameter = {}
    column = factors.unsqueeze(1)
    for layer in seen:
        if layer.weight is None and layer.bias is None:
            continue
        g = layer.g.mul_(column) if own else layer.g * column
        if layer.weight is not None:
            made[layer.weight] = outer_sum(g, layer.x)
        if layer.bias is not None:
            made[layer.bias] = g.sum(0)
    return made


def _squeezed(g: Tensor | None) -> Tensor | None:
    return None if g is None else g.squeeze(1)


def _squares(rows: Tensor) -> Tensor:
    """Squared norm of each row. Shapes: (B, d) to (B,)."""
    if rows.shape[1] > NARROW:
        return torch.linalg.vector_norm(rows, dim=1).square_()
    return rows.square().sum(1)
