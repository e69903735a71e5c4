"""The plain slow version: one example at a time through the unchanged module."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def clipped_sum(module: nn.Module, x: Tensor, y: Tensor, *, clip_norm: float) -> tuple[dict[str, Tensor], Tensor]:
    """Sums by parameter's name, and norms before clipping; an example whose gradient is not finite adds nothing."""
    trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    sums = {name: torch.zeros_like(parameter) for name, parameter in trained.items()}
    norms = []
    for i in range(len(x)):
        module.zero_grad()
        F.cross_entropy(module(x[i : i + 1]), y[i : i + 1]).backward()
        grads = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in trained.items()}
        norm = torch.stack([grad.norm() for grad in grads.values()]).norm()
        norms.append(norm)
        if norm.isfinite():
            for name, grad in grads.items():
                sums[name] += grad * min(1.0, clip_norm / float(norm)) if norm > 0 else 0.0
    module.zero_grad()
    return sums, torch.stack(norms) if norms else torch.zeros(0)
