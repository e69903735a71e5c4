"""Lean passes of recurrent layers over time: products of all steps at once where they can be, a short loop elsewhere.

On the way back a pass tells its uses the gradients of all steps and forms no gradient of a weight.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from privet.training.per_example.uses import Use

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
        rows = zip(gates, hidden, hidden[1:], cells, cells[1:], squashed, strict=False)
        for gate, before, after, kept, cell, small in rows:
            gate.addmm_(before, turned)
            gate[:, : 2 * width].sigmoid_()
            gate[:, 2 * width : 3 * width].tanh_()
            gate[:, 3 * width :].sigmoid_()
            torch.mul(gate[:, width : 2 * width], kept, out=cell)
            cell.addcmul_(gate[:, :width], gate[:, 2 * width : 3 * width])
            torch.tanh(cell, out=small)
            torch.mul(gate[:, 3 * width :], small, out=after)
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
        i, f, g, o = gates.split(width, 2)
        # Elementwise slopes of all steps at once; only the recurrence is a loop.
        of_o, of_c = (1 - o).mul_(o).mul_(squashed), squashed.square().neg_().add_(1).mul_(o)
        factors = torch.empty_like(gates)
        torch.mul(1 - i, i, out=factors[..., :width]).mul_(g)
        torch.mul(1 - f, f, out=factors[..., width : 2 * width]).mul_(cells[:-1])
        torch.mul(g, g, out=factors[..., 2 * width : 3 * width]).neg_().add_(1).mul_(i)
        factors[..., 3 * width :] = of_o
        slopes = factors.view(steps, -1, 4, width)
        hidden = above[steps - 1].clone()
        cell = torch.zeros_like(hidden)
        for t in range(steps - 1, -1, -1):
            cell.addcmul_(hidden, of_c[t])
            if beside is not None:
                cell.add_(beside[t])
            slopes[t, :, :3].mul_(cell[:, None])
            slopes[t, :, 3].mul_(hidden)
            cell.mul_(f[t])
            if t:
                hidden = torch.addmm(above[t - 1], factors[t], again)
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
        of_new, of_old = (1 - z) * (1 - n * n), (hidden[:-1] - n) * (z - z * z)
        of_reset = inner * (r - r * r)
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


def _projected(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """All steps' inputs through one product, in memory that the loop may overwrite."""
    flat = x.flatten(0, 1)
    made = flat @ weight.t() if bias is None else torch.addmm(bias, flat, weight.t())
    return made.view(*x.shape[:2], made.shape[1])
