"""Group and instance normalisation over channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, trainable


class GroupNorm(Rule):
    types = (nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
    reads = False

    def refusal(self, module: Any) -> str | None:
        if getattr(module, "track_running_stats", False):
            return "running statistics are read from all examples; set track_running_stats=False"
        return None

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        count, channels = x.shape[:2]
        groups, cells = (module.num_groups if isinstance(module, nn.GroupNorm) else channels), x[0, 0].numel()
        x, g = x.reshape(count, channels, cells), g.reshape(count, channels, cells)
        _, mean, scale = torch.native_group_norm(x, None, None, count, channels, cells, groups, module.eps)
        # As one example whose channels are those of all, so that no example's is added to another's.
        _, weight, bias = torch.ops.aten.native_group_norm_backward(
            g.view(1, -1, cells),
            x.view(1, -1, cells),
            mean.view(1, -1),
            scale.view(1, -1),
            x.new_ones(count * channels),  # some backends fail without
            1,
            count * channels,
            cells,
            count * groups,
            [False, True, True],
        )
        found = {"weight": weight.view(count, channels), "bias": bias.view(count, channels)}
        return {name: grad for name, grad in found.items() if trainable(module, name)}


RULE = GroupNorm()
