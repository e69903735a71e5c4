"""Gradients of units that hold several examples, formed before anything is clipped."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from privet.training.per_example.clipping import ClippedSum
from privet.training.per_example.rule import squared_norms, weighted_sum

ByParameter = dict[nn.Parameter, Tensor]


def by_unit(grads: ByParameter, units: Tensor | None, *, scale: float) -> ByParameter:
    """Mean of each unit's gradients. Shapes: (B, *parameter) to (units, *parameter)."""
    if units is None:
        return {parameter: grad * scale for parameter, grad in grads.items()}
    count = int(units.max()) + 1 if len(units) else 0
    shares = torch.zeros(count, device=units.device).index_add_(0, units, torch.ones(len(units), device=units.device))
    made = {}
    for parameter, grad in grads.items():
        # A loader numbers units on the host.
        units, shares = units.to(grad.device), shares.to(grad.device)
        total = grad.new_zeros(count, *grad.shape[1:]).index_add_(0, units, grad)
        made[parameter] = total * (scale / shares.to(grad.dtype)).view(-1, *[1] * (grad.dim() - 1))
    return made


def sum_by_unit(
    grads: ByParameter, units: Tensor, factors_of: Callable[[Tensor], Tensor], *, scale: float
) -> ClippedSum:
    """Sum of the units' mean gradients, each multiplied by what ``factors_of`` says of its norm."""
    grouped = by_unit(grads, units, scale=scale)
    norms = unit_norms(grouped)
    factors = factors_of(norms)
    sums = {
        parameter: weighted_sum(finite(grad, factors > 0), factors.to(grad.device))
        for parameter, grad in grouped.items()
    }
    return ClippedSum(sums, norms)


def unit_norms(grads: ByParameter) -> Tensor:
    """Norm of each unit's gradient over all parameters together. Shapes: (units,)."""
    return squared_norms({str(i): grad for i, grad in enumerate(grads.values())}).sqrt() if grads else torch.zeros(0)


def finite(grads: Tensor, good: Tensor) -> Tensor:
    """Zeros in place of units that are left out: zero times infinity would be no number."""
    return torch.where(good.view(-1, *[1] * (grads.dim() - 1)), grads, torch.zeros_like(grads))
