"""Convolutions and transposed convolutions of one to three dimensions, with groups, dilation and every padding mode.

Gradients of all examples come from one grouped convolution backward: examples become groups. Padding that is not zeros
is laid on the input first, as the layer itself does, so that border cells count as often as they were used.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, trainable


class Convolution(Rule):
    types = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = self._of_weights(module, x, g)
        if trainable(module, "bias"):
            made["bias"] = g.flatten(2).sum(2)
        return made

    def weighted(self, module: Any, x: Tensor, g: Tensor, factors: Tensor) -> Grads:
        scaled = g * factors.to(g.dtype).view(-1, *[1] * (g.dim() - 1))
        made: Grads = {}
        if trainable(module, "weight"):
            padded, padding = self._padded(module, x)
            made["weight"] = self._backward(module, padded, scaled, module.weight.detach(), padding, module.groups)
        if trainable(module, "bias"):
            made["bias"] = scaled.flatten(2).sum((0, 2))
        return made

    def _of_weights(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        count, weight = len(x), module.weight.detach()
        padded, padding = self._padded(module, x)
        # Every example is a group of its own: (1, B * channels, ...), weights repeated B times.
        merged, out = padded.reshape(1, -1, *padded.shape[2:]), g.reshape(1, -1, *g.shape[2:])
        repeated = weight.repeat(count, *[1] * (weight.dim() - 1))
        found = self._backward(module, merged, out, repeated, padding, module.groups * count)
        return found.view(count, *weight.shape)

    @staticmethod
    def _padded(module: Any, x: Tensor) -> tuple[Tensor, list[int]]:
        """The input as the bare convolution sees it, and the padding that is left to it."""
        if isinstance(module.padding, str) or module.padding_mode != "zeros":
            mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
            around = module._reversed_padding_repeated_twice
            return F.pad(x, around, mode=mode), [0] * (x.dim() - 2)
        return x, list(module.padding)

    @staticmethod
    def _backward(module: Any, x: Tensor, g: Tensor, weight: Tensor, padding: list[int], groups: int) -> Tensor:
        _, found, _ = torch.ops.aten.convolution_backward(
            g,
            x,
            weight,
            None,
            list(module.stride),
            padding,
            list(module.dilation),
            module.transposed,
            list(module.output_padding),
            groups,
            [False, True, False],
        )
        result: Tensor = found
        return result


RULE = Convolution()
