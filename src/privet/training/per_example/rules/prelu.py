"""PReLU: one slope for all channels, or one for each."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, over_places


class PReLU(Rule):
    types = (nn.PReLU,)
    reads = False

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        slopes = x.clamp_max(0) * g
        if module.num_parameters == 1:
            return {"weight": slopes.flatten(1).sum(1, keepdim=True)}
        return {"weight": over_places(slopes)}


RULE = PReLU()
