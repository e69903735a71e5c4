"""Layers whose every parameter is used as a linear map: recurrent ones and attention.

While recorded they run by a forward pass of ours, in which each use keeps its input and, on the way back, the gradient
of its output. The rest is what it is for linear layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privet.training.per_example.gram import (
    added_again,
    forming_pays,
    gram_squares,
    keeping_saves,
    outer_squares,
    step_sizes,
)
from privet.training.per_example.rule import Grads, Rule, lengths, outer_sum, row_squares, wide
from privet.training.per_example.scratch import empty


@dataclass(slots=True, eq=False)
class Use:
    """``weight`` applied to ``x``, and ``bias`` added; some rows of them, or all. ``g`` is the output's gradient.

    Shapes: ``x`` (B, T, d), ``g`` (B, T, p), or with time first.
    """

    weight: str
    bias: str | None
    x: Tensor
    g: Tensor | None = None
    rows: slice | None = None
    bias_rows: slice | None = None
    time_first: bool = False
    dropped: bool = False
    told: Callable[[Use], None] | None = None

    @property
    def batch(self) -> int:
        return int(self.x.shape[1 if self.time_first else 0])

    @property
    def steps(self) -> int:
        return int(self.x.shape[0 if self.time_first else 1])

    @property
    def reached(self) -> bool:
        """Whether a backward pass came by."""
        return self.dropped or self.g is not None

    def reach(self, g: Tensor) -> None:
        """Take the gradient of the output; whoever recorded the use is told."""
        self.g = g
        if self.told is not None:
            self.told(self)

    def drop(self) -> None:
        """Its gradients are formed: let go of what they were formed from."""
        # Not a part of the input, which would hold the memory of the whole.
        self.dropped, self.x, self.g, self.told = True, self.x.new_empty(0), None, _nobody

    def batch_first(self) -> tuple[Tensor, Tensor]:
        x, g = wide(self.x), wide(self.g) if self.g is not None else torch.zeros(0)
        return (x.transpose(0, 1), g.transpose(0, 1)) if self.time_first else (x, g)


def _noted(use: Use) -> None:
    """Of a pass that is read later."""


def _nobody(use: Use) -> None:
    """Of a pass that is forgotten."""
    use.drop()


class Uses(list[Use]):
    """The uses of one call. Each, once it is reached, is told to ``told``."""

    def __init__(self, told: Callable[[Use], None] | None = None) -> None:
        super().__init__()
        self._told = told or _noted

    def append(self, use: Use) -> None:
        use.told = self._told
        super().append(use)

    def drop(self) -> None:
        """Their gradients are formed, or nobody wants them; who was told of them is held no longer."""
        self._told = _nobody
        for use in self:
            use.drop()


class _LinearTap(torch.autograd.Function):  # type: ignore[misc]
    """A linear map that tells a use the gradient of its output, and has no gradient of its weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, use: Use, anchor: Tensor) -> Tensor:
        ctx.use, ctx.kind = use, x.dtype
        ctx.save_for_backward(weight)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        ctx.use.reach(g)
        (weight,) = ctx.saved_tensors
        # Under autocast the output has another precision than input and weight.
        below = (g @ weight.to(g.dtype)).to(ctx.kind) if ctx.needs_input_grad[0] else None
        return below, None, None, None, None


def tapped_linear(use: Use, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The linear map of a use, applied to ``x`` of whatever layout has ``use.x``'s."""
    anchor = torch.zeros((), requires_grad=True, device=x.device)
    made: Tensor = _LinearTap.apply(x, weight.detach(), None if bias is None else bias.detach(), use, anchor)
    return made


class UsesRule(Rule):
    """Norms and sums of layers that are recorded as uses. ``x`` of the methods is the list of them, ``g`` unused."""

    reads = False
    tapped = False

    def direct(self, module: Any, x: Any, g: Any) -> bool:
        return all(forming_pays(use.steps, use.x.shape[2], use.g.shape[2]) for use in x)

    def saves(self, x: Any, g: Any) -> float:
        return sum(keeping_saves(use.steps, use.x.shape[2], use.g.shape[2]) for use in x)

    def squared_norms(self, module: nn.Module, x: Any, g: Any) -> Tensor:
        return torch.stack([_squares(module, together) for together in _by_gradient(x)]).sum(0)

    def per_example(self, module: nn.Module, x: Any, g: Any) -> Grads:
        made: Grads = {}
        for use in x:
            xs, gs = use.batch_first()
            if _trained(module, use.weight):
                each = torch.bmm(gs.transpose(1, 2), xs, out=empty(use.weight, (len(gs), gs.shape[2], xs.shape[2]), gs))
                _put(made, module, use.weight, use.rows, each, len(gs))
            if _trained(module, use.bias):
                _put(made, module, str(use.bias), use.bias_rows, gs.sum(1), len(gs))
        return made

    def weighted(self, module: nn.Module, x: Any, g: Any, factors: Tensor) -> Grads:
        made: Grads = {}
        for together in _by_gradient(x):
            gs, across = wide(together[0].g).flatten(0, 1), together[0].time_first
            rows = factors.to(gs.dtype)[None, :].expand(together[0].steps, -1)
            rows = (rows if across else rows.t()).reshape(-1)
            weights = [use for use in together if _trained(module, use.weight)]
            if weights:
                # One product for all, because a wide one is quicker than several.
                totals = _weighted_product(gs, rows, _side_by_side(weights).flatten(0, 1))
                for use, total in zip(weights, totals.split([use.x.shape[2] for use in weights], 1), strict=True):
                    _put(made, module, use.weight, use.rows, total, None)
            biases = [use for use in together if _trained(module, use.bias)]
            total = rows @ gs if biases else rows
            for number, use in enumerate(biases):
                _put(made, module, str(use.bias), use.bias_rows, total.clone() if number else total, None)
        return made

    def left_out(self, x: Any, g: Any, good: Tensor) -> tuple[Any, Any]:
        made, cleaned = [], {}
        for use in x:
            keep = good.view((1, -1, 1) if use.time_first else (-1, 1, 1))
            zeros = torch.zeros((), dtype=use.x.dtype, device=use.x.device)
            if id(use.g) not in cleaned:
                cleaned[id(use.g)] = torch.where(keep, use.g, zeros.to(use.g.dtype))
            made.append(replace(use, x=torch.where(keep, use.x, zeros), g=cleaned[id(use.g)]))
        return made, g


def _by_gradient(uses: list[Use]) -> list[list[Use]]:
    """Uses whose outputs were added to each other have one gradient and can be done together."""
    made: dict[int, list[Use]] = {}
    for use in uses:
        made.setdefault(id(use.g), []).append(use)
    return list(made.values())


def _side_by_side(uses: list[Use]) -> Tensor:
    parts = [wide(use.x) for use in uses]
    if len(parts) == 1:
        return parts[0]
    shape = (*parts[0].shape[:2], sum(part.shape[2] for part in parts))
    return torch.cat(parts, 2, out=empty("inputs", shape, parts[0]))


def _weighted_product(gs: Tensor, rows: Tensor, xs: Tensor) -> Tensor:
    """Gradients times weighted rows of inputs; the smaller side is weighted. Shapes: (n, p), (n,), (n, d) to (p, d)."""
    if xs.shape[1] < gs.shape[1]:
        # Inputs side by side lie there already.
        return outer_sum(gs, torch.mul(xs, rows[:, None], out=empty("inputs", tuple(xs.shape), xs)))
    return outer_sum(torch.mul(gs, rows[:, None], out=empty("scaled", tuple(gs.shape), gs)), xs)


def _squares(module: nn.Module, uses: list[Use]) -> Tensor:
    """By Gram matrices over time or the gradients themselves, whichever is smaller."""
    weights = [use for use in uses if _trained(module, use.weight)]
    biases = sum(_trained(module, use.bias) for use in uses)
    _, gs = uses[0].batch_first()
    steps, outside, inside = gs.shape[1], gs.shape[2], sum(use.x.shape[2] for use in weights)
    if not weights:
        return added_again(row_squares(gs.sum(1)) * biases, lengths(gs).sum(1) * biases)
    if steps == 1:
        seen = torch.stack([row_squares(use.batch_first()[0]) for use in weights]).sum(0)
        return outer_squares(seen, row_squares(gs), inside, outside, biases)
    if steps * (inside + outside) < inside * outside:
        xs = _side_by_side(weights)
        return gram_squares(xs.transpose(0, 1) if uses[0].time_first else xs, gs, biases=biases)
    total, sizes = row_squares(gs.sum(1)) * biases, lengths(gs).sum(1) * biases
    for use in weights:
        xs, _ = use.batch_first()
        made = empty("each", (len(gs), outside, xs.shape[2]), gs)
        total.add_(row_squares(torch.bmm(gs.transpose(1, 2), xs, out=made)))
        sizes.add_(step_sizes(xs, gs))
    return added_again(total, sizes)


def _put(made: Grads, module: nn.Module, name: str, rows: slice | None, value: Tensor, count: int | None) -> None:
    """Add a use's gradient to those of its parameter's rows."""
    if rows is None and name not in made:
        made[name] = value
        return
    parameter = module.get_parameter(name)
    shape = tuple(parameter.shape) if count is None else (count, *parameter.shape)
    whole, at = made.setdefault(name, value.new_zeros(shape)), rows or slice(None)
    (whole[at] if count is None else whole[:, at]).add_(value)


def _trained(module: nn.Module, name: str | None) -> bool:
    if name is None:
        return False
    parameter: nn.Parameter = module.get_parameter(name)
    return bool(parameter.requires_grad)
