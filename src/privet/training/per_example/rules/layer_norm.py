"""Layer and root-mean-square normalisation: scale and shift act on each example alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, trainable


class LayerNorm(Rule):
    types = (nn.LayerNorm, nn.RMSNorm)

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        shape = module.normalized_shape
        axes = tuple(range(-len(shape), 0))
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = _over_middle(g * self._normal(module, x, axes), len(shape))
        if trainable(module, "bias"):
            made["bias"] = _over_middle(g, len(shape))
        return made

    @staticmethod
    def _normal(module: Any, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        if isinstance(module, nn.RMSNorm):
            eps = torch.finfo(x.dtype).eps if module.eps is None else module.eps
            return x * torch.rsqrt(x.square().mean(axes, keepdim=True) + eps)
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + module.eps)


def _over_middle(tensor: Tensor, kept: int) -> Tensor:
    """Sum over every axis between the batch and the last ``kept``."""
    axes = tuple(range(1, tensor.dim() - kept))
    return tensor.sum(axes) if axes else tensor


RULE = LayerNorm()
