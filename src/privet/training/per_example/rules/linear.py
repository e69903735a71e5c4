"""Linear layers on inputs of any rank.

For x of (T, d) and g of (T, p) an example's gradient is g^T x, with squared norm <x x^T, g g^T>: the Gram form, which
costs T^2 (d + p) instead of T d p (Li et al. 2022, section 4; for T = 1 it is a product of two norms, Goodfellow 2015).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.rule import Grads, Rule, middle, row_squares, trainable


class Linear(Rule):
    types = (nn.Linear,)

    def direct(self, x: Tensor, g: Tensor) -> bool:
        return bool(g.dim() > 2)  # with one step a norm is a product of two

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        xs, gs = middle(x), middle(g)
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = torch.bmm(gs.transpose(1, 2), xs)
        if trainable(module, "bias"):
            made["bias"] = gs.sum(1)
        return made

    def squared_norms(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        xs, gs = middle(x), middle(g)
        total = torch.zeros(len(gs), dtype=gs.dtype, device=gs.device)
        if trainable(module, "weight"):
            total = total + self._of_weight(xs, gs)
        if trainable(module, "bias"):
            total = total + row_squares(gs.sum(1))
        return total

    @staticmethod
    def _of_weight(xs: Tensor, gs: Tensor) -> Tensor:
        steps, inside, outside = xs.shape[1], xs.shape[2], gs.shape[2]
        if steps == 1:
            return row_squares(xs) * row_squares(gs)
        if steps * (inside + outside) < inside * outside:
            # Rounding can make a sum of products of Gram entries negative where the norm is zero.
            gram = torch.bmm(xs, xs.transpose(1, 2)) * torch.bmm(gs, gs.transpose(1, 2))
            return gram.sum((1, 2)).clamp_min(0)
        return row_squares(torch.bmm(gs.transpose(1, 2), xs))

    def weighted(self, module: Any, x: Tensor, g: Tensor, factors: Tensor) -> Grads:
        xs, gs = middle(x), middle(g) * factors.to(g.dtype)[:, None, None]
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = gs.flatten(0, 1).t() @ xs.flatten(0, 1)
        if trainable(module, "bias"):
            made["bias"] = gs.sum((0, 1))
        return made


RULE = Linear()
