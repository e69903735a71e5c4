"""Linear layers on inputs of any rank: for x of (T, d) and g of (T, p) an example's gradient is g^T x."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privet.training.per_example.gram import (
    added_again,
    forming_pays,
    gram_squares,
    keeping_saves,
    outer_squares,
    product,
    step_sizes,
)
from privet.training.per_example.rule import NARROW, Grads, Rule, middle, outer_sum, row_squares, trainable, wide
from privet.training.per_example.scratch import empty


class Linear(Rule):
    types = (nn.Linear,)
    reads = False
    half = True

    def direct(self, module: Any, x: Tensor, g: Tensor) -> bool:
        if g.dim() == 2:
            return False  # with one step a norm is a product of two
        return forming_pays(x.flatten(1, -2).shape[1], x.shape[-1], g.shape[-1])

    def saves(self, x: Tensor, g: Tensor) -> float:
        return keeping_saves(x.flatten(1, -2).shape[1], x.shape[-1], g.shape[-1])

    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        xs, gs = middle(x), middle(g)
        made: Grads = {}
        if trainable(module, "weight"):
            made["weight"] = _each(xs, gs)
        if trainable(module, "bias"):
            made["bias"] = wide(gs).sum(1)
        return made

    def squared_norms(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        weight, bias = trainable(module, "weight"), trainable(module, "bias")
        if not weight:
            return row_squares(wide(middle(g)).sum(1)) if bias else torch.zeros_like(wide(g).flatten(1)[:, 0])
        if g.dim() == 2:
            return outer_squares(row_squares(x), row_squares(g), x.shape[1], g.shape[1], int(bias))
        xs, gs = middle(x), middle(g)
        total = self._of_weight(xs, gs)
        return total + row_squares(wide(gs).sum(1)) if bias else total

    @staticmethod
    def _of_weight(xs: Tensor, gs: Tensor) -> Tensor:
        steps, inside, outside = xs.shape[1], xs.shape[2], gs.shape[2]
        if steps * (inside + outside) < inside * outside:
            return gram_squares(xs, gs)
        return added_again(row_squares(_each(xs, gs)), step_sizes(xs, gs))

    def weighted(self, module: Any, x: Tensor, g: Tensor, factors: Tensor) -> Grads:
        xs, gs = (wide(part).flatten(1, -2) if part.dim() > 3 else wide(part) for part in (x, g))
        factors = factors.to(gs.dtype)
        made: Grads = {}
        # The narrower of the two is scaled.
        if xs.shape[-1] < gs.shape[-1]:
            xs = _scaled(xs, factors)
            slopes = gs.reshape(-1, gs.shape[-1])
        else:
            slopes = _scaled(gs, factors).flatten(0, -2)
        if trainable(module, "weight"):
            made["weight"] = outer_sum(slopes, xs.reshape(-1, xs.shape[-1]))
        if trainable(module, "bias"):
            made["bias"] = factors @ (gs if gs.dim() == 2 else gs.sum(1))
        return made


def _each(xs: Tensor, gs: Tensor) -> Tensor:
    """Every example's weight gradient. Shapes: (B, T, d) and (B, T, p) to (B, p, d)."""
    count, inside, outside = len(gs), xs.shape[2], gs.shape[2]
    made = empty("weight", (count, outside, inside), wide(gs[:0]))
    if inside < NARROW <= outside and xs.is_cpu:
        # As for sums: the narrow side first.
        turned = empty("turned", (count, inside, outside), made, lasting=False)
        return made.copy_(product(xs.transpose(1, 2), gs, turned).transpose(1, 2))
    return product(gs.transpose(1, 2), xs, made)


def _scaled(part: Tensor, factors: Tensor) -> Tensor:
    return torch.mul(part, factors.view(-1, *[1] * (part.dim() - 1)), out=empty("scaled", tuple(part.shape), part))


RULE = Linear()
