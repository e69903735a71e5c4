"""The clipped sum of a chain of linear layers on single vectors, in few operations: small models are all overhead."""

from __future__ import annotations

import torch
from torch import Tensor

from privet.training.per_example.reading import ByParameter
from privet.training.per_example.rules.chain import Chain
from privet.training.per_example.tape import Call
from privet.training.per_example.uses import Use


def is_small(calls: list[Call]) -> bool:
    """Whether a step is one call of a chain in which every layer saw one vector of each example."""
    if len(calls) != 1 or not isinstance(calls[0].owner.rule, Chain):
        return False
    return all(use.x.shape[1] == 1 and use.x.dtype is torch.float32 and use.g is not None for use in calls[0].uses)


def squared_norms(call: Call) -> Tensor:
    """Sum over layers of |g|^2 (|x|^2 + 1): a bias is a weight on an input of one. Shapes: (B,)."""
    total: Tensor | None = None
    for use, (weight, bias) in zip(call.uses, _trained(call), strict=True):
        if weight or bias:
            own = torch.linalg.vector_norm(use.g, dim=(1, 2)).square_()
            if weight:
                seen = torch.linalg.vector_norm(use.x, dim=(1, 2)).square_()
                own.mul_(seen.add_(1) if bias else seen)
            total = own if total is None else total.add_(own)
    return torch.zeros(0) if total is None else total


def weighted(call: Call, factors: Tensor) -> ByParameter:
    """Sums of the examples' gradients times ``factors`` (B,), all of which are finite."""
    parameters, made = call.owner.parameters(), {}
    for use, (weight, bias) in zip(call.uses, _trained(call), strict=True):
        x, g = use.x.squeeze(1), _of(use).squeeze(1)
        if weight:
            made[parameters[use.weight]] = (g * factors[:, None]).t() @ x
        if bias:
            made[parameters[str(use.bias)]] = factors @ g
    return made


def _trained(call: Call) -> list[tuple[bool, bool]]:
    names = call.owner.parameters()
    return [(use.weight in names, use.bias in names) for use in call.uses]


def _of(use: Use) -> Tensor:
    return use.x if use.g is None else use.g
