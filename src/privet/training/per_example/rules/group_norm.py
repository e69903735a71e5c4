"""Group and instance normalisation over channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, trainable


class GroupNorm(Rule):
    types = (nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)

    def refusal(self, module: Any) -> str | None:
        if getattr(module, "track_running_stats", False):
            return "running statistics are read from all examples; set track_running_stats=False"
        return None

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        groups = module.num_groups if isinstance(module, nn.GroupNorm) else x.shape[1]
        grouped = x.reshape(len(x), groups, -1)
        variance, mean = torch.var_mean(grouped, 2, correction=0, keepdim=True)
        normal = ((grouped - mean) * torch.rsqrt(variance + module.eps)).view_as(x)
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = (g * normal).reshape(*x.shape[:2], -1).sum(2)
        if trainable(module, "bias"):
            made["bias"] = g.reshape(*x.shape[:2], -1).sum(2)
        return made


RULE = GroupNorm()
