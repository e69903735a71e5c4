"""What one process does with the batches that all ranks had together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ..per_example import reference
from . import jobs


def replayed(
    answers: list[dict[str, Any]],
    module: nn.Module,
    *,
    sums: Callable[[nn.Module, torch.Tensor, torch.Tensor, list[int]], dict[str, torch.Tensor]] | None = None,
    expected: float = jobs.BATCH,
    lr: float = jobs.LR,
) -> dict[str, torch.Tensor]:
    """Weights after the same steps, by one example at a time."""
    module.load_state_dict({name: torch.tensor(value) for name, value in answers[0]["before"].items()})
    optimizer = torch.optim.SGD(module.parameters(), lr=lr, momentum=jobs.MOMENTUM)
    x, y, _ = jobs.data().tensors
    for step in zip(*(answer["rows"] for answer in answers), strict=True):
        rows = [row for own in step for row in own]
        found = (sums or flat)(module, x[rows], y[rows], rows)
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                parameter.grad = found[name] / expected
        optimizer.step()
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def flat(module: nn.Module, x: torch.Tensor, y: torch.Tensor, rows: list[int]) -> dict[str, torch.Tensor]:
    return reference.clipped_sum(module, x, y, clip_norm=jobs.CLIP)[0]


def of_each(weigh: Callable[[list[torch.Tensor]], list[float]]) -> Any:
    """Sums of single gradients, each tensor weighed by what is said of their norms."""

    def sums(module: nn.Module, x: torch.Tensor, y: torch.Tensor, rows: list[int]) -> dict[str, torch.Tensor]:
        total = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
        for i in range(len(x)):
            module.zero_grad()
            F.cross_entropy(module(x[i : i + 1]), y[i : i + 1]).backward()
            grads = {name: p.grad for name, p in module.named_parameters()}
            for name, weight in zip(grads, weigh(list(grads.values())), strict=True):
                total[name] += grads[name] * weight
        return total

    return sums


def by_user(size: int) -> Any:
    """Sums of users' clipped mean gradients."""

    def sums(module: nn.Module, x: torch.Tensor, y: torch.Tensor, rows: list[int]) -> dict[str, torch.Tensor]:
        total = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
        users = torch.tensor([row // size for row in rows])
        for user in users.unique():
            own = users == user
            assert int(own.sum()) == size
            module.zero_grad()
            F.cross_entropy(module(x[own]), y[own]).backward()
            norm = torch.stack([p.grad.norm() for p in module.parameters()]).norm()
            for name, p in module.named_parameters():
                total[name] += p.grad * min(1.0, jobs.CLIP / float(norm))
        return total

    return sums
