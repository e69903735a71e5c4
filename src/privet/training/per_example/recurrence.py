"""Lean passes of recurrent layers over time: products of all steps at once where they can be, a short loop elsewhere.

On the way back a pass tells its uses the gradients of all steps and forms no gradient of a weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from privet.training.per_example.uses import Use

# An output gradient times the slope of what gave this output, in one pass over memory.
_of_sigmoid, _of_tanh = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward

Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None]


class LstmPass(torch.autograd.Function):  # type: ignore[misc]
    """One layer in one direction. Shapes: ``x`` (T, B, D) to hidden states and cells (T, B, H)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, c: Tensor, anchor: Tensor, weights: Weights, uses: list[Use]) -> Any:
        into, again, bias, more = weights
        steps, batch, width = x.shape[0], x.shape[1], again.shape[1]
        gates = x @ into.t() if bias is None else torch.addmm(bias + more, x.flatten(0, 1), into.t())
        # An empty batch leaves nothing to infer.
        gates = gates.view(steps, batch, 4 * width)
        hidden, cells = x.new_empty(steps + 1, batch, width), x.new_empty(steps + 1, batch, width)
        hidden[0], cells[0] = h, c
        squashed, turned = x.new_empty(steps, batch, width), again.t()
        both, candidates, lets_out = gates.split([2 * width, width, width], 2)
        lets_in, keeps = both.split(width, 2)
        states = (hidden[:-1], hidden[1:], cells[:-1], cells[1:], squashed)
        rows = zip(gates, both, candidates, lets_out, lets_in, keeps, *states, strict=True)
        for gate, opens, new, out, into_cell, stays, before, after, kept, cell, small in rows:
            gate.addmm_(before, turned)
            opens.sigmoid_()
            new.tanh_()
            out.sigmoid_()
            torch.mul(stays, kept, out=cell)
            cell.addcmul_(into_cell, new)
            torch.tanh(cell, out=small)
            torch.mul(out, small, out=after)
        ctx.uses, ctx.weights = uses, weights
        ctx.kept = (gates, cells, squashed)
        uses[1].x = hidden[:-1]
        ctx.set_materialize_grads(False)
        return hidden[1:], cells[1:]

    @staticmethod
    def backward(ctx: Any, above: Tensor | None, beside: Tensor | None) -> Any:
        (gates, cells, squashed), (into, again, _, _) = ctx.kept, ctx.weights
        ctx.kept = None
        steps, _, width = squashed.shape
        above = torch.zeros_like(squashed) if above is None else above
        factors, work = torch.empty_like(gates), torch.empty_like(squashed[0])
        parts = (factors, squashed, cells[:-1], *gates.split(width, 2), *factors.split(width, 2))
        hidden = above[steps - 1]
        cell = torch.zeros_like(hidden)
        # All of a step while it is in the cache.
        for t, all_of_step in zip(range(steps - 1, -1, -1), _backwards(*parts), strict=True):
            slopes, small, kept, i, f, g, o, of_i, of_f, of_g, of_o = all_of_step
            cell.add_(_of_tanh(torch.mul(hidden, o, out=work), small, grad_input=work))
            if beside is not None:
                cell.add_(beside[t])
            _of_sigmoid(torch.mul(cell, g, out=work), i, grad_input=of_i)
            _of_sigmoid(torch.mul(cell, kept, out=work), f, grad_input=of_f)
            _of_tanh(torch.mul(cell, i, out=work), g, grad_input=of_g)
            _of_sigmoid(torch.mul(hidden, small, out=work), o, grad_input=of_o)
            cell.mul_(f)
            if t:
                hidden = torch.addmm(above[t - 1], slopes, again)
        for use in ctx.uses:
            use.g = factors
        return (
            factors @ into if ctx.needs_input_grad[0] else None,
            factors[0] @ again if ctx.needs_input_grad[1] else None,
            cell if ctx.needs_input_grad[2] else None,
            *(None, None, None),
        )


class GruPass(torch.autograd.Function):  # type: ignore[misc]
    """One layer in one direction. Shapes: ``x`` (T, B, D) to hidden states (T, B, H)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, anchor: Tensor, weights: Weights, uses: list[Use]) -> Tensor:
        into, again, bias, more = weights
        steps, batch, width = x.shape[0], x.shape[1], again.shape[1]
        gates = _projected(x, into, bias)
        hidden, inner = x.new_empty(steps + 1, batch, width), x.new_empty(steps, batch, width)
        hidden[0] = h
        for t in range(steps):
            gate, kept = gates[t], hidden[t] @ again.t()
            kept = kept if more is None else kept.add_(more)
            gate[:, : 2 * width].add_(kept[:, : 2 * width]).sigmoid_()
            inner[t] = kept[:, 2 * width :]
            gate[:, 2 * width :].addcmul_(gate[:, :width], inner[t]).tanh_()
            # New state: n + z (h - n).
            torch.lerp(gate[:, 2 * width :], hidden[t], gate[:, width : 2 * width], out=hidden[t + 1])
        ctx.uses, ctx.weights, ctx.kept = uses, weights, (gates, hidden, inner)
        uses[1].x = hidden[:-1]
        return hidden[1:]

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> Any:
        (gates, hidden, inner), (into, again, _, _) = ctx.kept, ctx.weights
        ctx.kept = None
        steps, _, width = inner.shape
        r, z, n = gates.split(width, 2)
        of_new, of_old, of_reset = _of_tanh(1 - z, n), _of_sigmoid(hidden[:-1] - n, z), _of_sigmoid(inner, r)
        outside, inside = torch.empty_like(gates), torch.empty_like(gates)
        state = above[steps - 1].clone()
        for t in range(steps - 1, -1, -1):
            new = torch.mul(state, of_new[t], out=outside[t, :, 2 * width :])
            torch.mul(state, of_old[t], out=outside[t, :, width : 2 * width])
            torch.mul(new, of_reset[t], out=outside[t, :, :width])
            inside[t, :, : 2 * width] = outside[t, :, : 2 * width]
            torch.mul(new, r[t], out=inside[t, :, 2 * width :])
            state = torch.addmm(state * z[t], inside[t], again)
            if t:
                state = state.add_(above[t - 1])
        ctx.uses[0].g, ctx.uses[1].g = outside, inside
        wanted = ctx.needs_input_grad
        return outside @ into if wanted[0] else None, state if wanted[1] else None, None, None, None


class RnnPass(torch.autograd.Function):  # type: ignore[misc]
    """One plain layer in one direction, by tanh or relu. Shapes: ``x`` (T, B, D) to hidden states (T, B, H)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, anchor: Tensor, weights: Weights, uses: list[Use], squash: str
    ) -> Tensor:
        into, again, bias, more = weights
        steps, batch, width = x.shape[0], x.shape[1], again.shape[1]
        sums = _projected(x, into, None if bias is None else bias + more)
        hidden = x.new_empty(steps + 1, batch, width)
        hidden[0] = h
        for t in range(steps):
            total = sums[t].addmm_(hidden[t], again.t())
            hidden[t + 1] = total.tanh_() if squash == "tanh" else total.relu_()
        ctx.uses, ctx.weights, ctx.hidden, ctx.squash = uses, weights, hidden, squash
        uses[1].x = hidden[:-1]
        return hidden[1:]

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> Any:
        hidden, (into, again, _, _) = ctx.hidden, ctx.weights
        after = hidden[1:]
        slopes = 1 - after * after if ctx.squash == "tanh" else (after > 0).to(after.dtype)
        state = torch.zeros_like(above[0])
        for t in range(len(above) - 1, -1, -1):
            slopes[t].mul_(state.add_(above[t]))
            state = slopes[t] @ again
        for use in ctx.uses:
            use.g = slopes
        wanted = ctx.needs_input_grad
        return slopes @ into if wanted[0] else None, state if wanted[1] else None, None, None, None, None


def _backwards(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Their steps, the last first."""
    return zip(*(tensor.unbind()[::-1] for tensor in tensors), strict=True)


def _projected(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """All steps' inputs through one product, in memory that the loop may overwrite."""
    flat = x.flatten(0, 1)
    made = flat @ weight.t() if bias is None else torch.addmm(bias, flat, weight.t())
    return made.view(*x.shape[:2], made.shape[1])
