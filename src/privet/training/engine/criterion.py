"""A loss of single examples, so that no example can change the weight of another."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter


class PrivateCriterion(nn.Module):  # type: ignore[misc]
    """Mean or sum of what the criterion says of each example alone.

    Guarantee: the loss is a plain mean or sum over examples; class weights and ignored entries count within an example
    and are never divided by their total over the batch. An example of several entries gets their mean.
    Shapes: whatever the criterion takes, examples in the first axis.
    Errors: InvalidParameter for a criterion that cannot say each example's loss.

    >>> weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]))
    >>> loss = PrivateCriterion(weighted, reduction="mean")
    >>> round(float(loss(torch.zeros(2, 2), torch.tensor([0, 1]))), 4)  # (1 + 3) / 2 * log 2
    1.3863
    """

    def __init__(self, criterion: nn.Module, *, reduction: str) -> None:
        super().__init__()
        if not hasattr(criterion, "reduction"):
            raise InvalidParameter(
                f"criterion is a {type(criterion).__name__}, which has no reduction; give a loss that can be told "
                'reduction="none"'
            )
        self.each = copy.copy(criterion)
        self.each.reduction = "none"
        self.reduction = reduction

    def forward(self, outputs: Any, targets: Any) -> Tensor:
        losses = self.each(outputs, targets)
        if not losses.dim() or len(losses) != len(targets):
            raise InvalidParameter('the criterion gives no loss for each example with reduction="none"; give another')
        single = losses.flatten(1).mean(1) if losses.dim() > 1 else losses
        return single.mean() if self.reduction == "mean" and len(single) else single.sum()

    def slope(self, outputs: Tensor, targets: Any) -> Tensor:
        """Gradient of the loss by the outputs, without a graph around it. Shapes: those of ``outputs``."""
        if _is_plain(self.each) and outputs.dim() == 2 and len(outputs) and not targets.is_floating_point():
            # Probabilities less one at the class that is right.
            found = outputs.softmax(1)
            found.scatter_add_(1, targets[:, None], found.new_full((1, 1), -1.0).expand(len(targets), 1))
            return found.div_(len(outputs)) if self.reduction == "mean" else found
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self(leaf, targets), leaf)
        return slope


def _is_plain(criterion: nn.Module) -> bool:
    """Cross entropy without weights, smoothing or classes to leave out."""
    return (
        type(criterion) is nn.CrossEntropyLoss
        and criterion.weight is None
        and criterion.label_smoothing == 0
        and criterion.ignore_index < 0
    )
