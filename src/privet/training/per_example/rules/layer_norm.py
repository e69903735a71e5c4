"""Layer and root-mean-square normalisation: scale and shift act on each example alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, trainable


class LayerNorm(Rule):
    types = (nn.LayerNorm, nn.RMSNorm)
    reads = False

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        shape = module.normalized_shape
        made: Grads = {}
        if trainable(module, "weight"):
            normal = self._normal(module, x)
            made["weight"] = _over_middle(normal.mul_(g), len(shape))
        if trainable(module, "bias"):
            made["bias"] = _over_middle(g, len(shape))
        return made

    @staticmethod
    def _normal(module: Any, x: Tensor) -> Tensor:
        """The input as it is before scale and shift; never the input itself."""
        shape = list(module.normalized_shape)
        if isinstance(module, nn.RMSNorm):
            return torch.rms_norm(x, shape, None, module.eps)
        return torch.layer_norm(x, shape, None, None, module.eps)


def _over_middle(tensor: Tensor, kept: int) -> Tensor:
    """Sum over every axis between the batch and the last ``kept``."""
    axes = tuple(range(1, tensor.dim() - kept))
    return tensor.sum(axes) if axes else tensor


RULE = LayerNorm()
