"""A loss of single examples, so that no example can change the weight of another."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.training.per_example.rule import NARROW


class PrivateCriterion(nn.Module):  # type: ignore[misc]
    """Mean or sum of what the criterion says of each example alone.

    Guarantee: the loss is a plain mean or sum over examples; class weights and ignored entries count within an example
    and are never divided by their total over the batch. An example of several entries gets the mean of those that are
    not ignored, or under "sum" their sum.
    Shapes: whatever the criterion takes, examples in the first axis; or examples and their entries in one axis, when
    ``shape`` says how many there are of each, as loops over sequences of tokens do.
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
        self._plain = _is_plain(self.each)

    def forward(self, outputs: Any, targets: Any, *, shape: Sequence[int] | None = None) -> Tensor:
        single = self._single(outputs, targets, shape=shape)
        return single.mean() if self.reduction == "mean" and len(single) else single.sum()

    def slope(self, outputs: Tensor, targets: Any) -> Tensor:
        """Gradient of every example's own loss by the outputs, without a graph. Shapes: those of ``outputs``."""
        found = _less_right_class(outputs, targets) if self._plain and outputs.dim() == 2 else None
        if found is not None:
            return found
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._single(leaf, targets, shape=None).sum(), leaf)
        # One that may be overwritten: of a plain sum it is a single number, seen many times.
        return slope.contiguous()

    def _single(self, outputs: Any, targets: Any, *, shape: Sequence[int] | None) -> Tensor:
        """Every example's loss. Shapes: to (examples,)."""
        try:
            losses, kept = self.each(outputs, targets), self._kept(targets)
        except IndexError:
            # PyTorch's own words would tell somebody's target.
            raise InvalidParameter(
                "a target is none of the classes that the module has an output for; number classes from 0, and give "
                "the last layer an output for each"
            ) from None
        examples = len(targets) if shape is None else shape[0]
        if not losses.dim() or len(losses) != len(targets) or (shape is not None and len(losses) % max(1, examples)):
            raise InvalidParameter('the criterion gives no loss for each example with reduction="none"; give another')
        return single_losses(losses, kept, examples=examples, reduction=self.reduction)

    def _kept(self, targets: Any) -> Tensor | None:
        """Which entries are not ignored; None where the criterion ignores none."""
        ignored = getattr(self.each, "ignore_index", None)
        if ignored is None or not isinstance(targets, Tensor) or targets.is_floating_point():
            return None
        return targets != ignored


def single_losses(losses: Tensor, kept: Tensor | None, *, examples: int, reduction: str) -> Tensor:
    """Loss of each example from those of its entries, which lie together: their sum, or the mean of those ``kept``.

    Shapes: ``losses`` and ``kept`` of examples times entries numbers to (examples,).
    """
    rows = losses.reshape(examples, -1) if losses.numel() else losses.new_zeros(examples, 0) + losses.sum()
    if reduction == "sum" or rows.shape[1] <= 1:
        return rows.sum(1)
    if kept is None or kept.numel() != rows.numel():
        return rows.mean(1)
    return rows.sum(1) / kept.reshape(examples, -1).sum(1).clamp_min(1)


def _is_plain(criterion: nn.Module) -> bool:
    """Cross entropy without weights, smoothing or classes to leave out."""
    return (
        type(criterion) is nn.CrossEntropyLoss
        and criterion.weight is None
        and criterion.label_smoothing == 0
        and criterion.ignore_index < 0
    )


@functools.lru_cache(maxsize=8)
def _less(dtype: torch.dtype) -> Tensor:
    """One less, for as many targets as it is expanded to; made once, because small steps are all overhead."""
    return torch.full((1, 1), -1.0, dtype=dtype, device="cpu")


def _less_right_class(outputs: Tensor, targets: Any) -> Tensor | None:
    """Probabilities less one at the class that is right; None if not every target is a class, as -100 to be ignored."""
    if not isinstance(targets, Tensor) or targets.dtype is not torch.int64 or targets.dim() != 1:
        return None
    if not targets.is_cpu and not bool(((targets >= 0) & (targets < outputs.shape[1])).all()):
        # Elsewhere an index that is not there is no error that one recovers from.
        return None
    # A softmax over few classes is ten times as quick down the columns of their transpose.
    axis = 0 if outputs.shape[1] <= NARROW else 1
    found = outputs.t().contiguous().softmax(0) if axis == 0 else outputs.softmax(1)
    classes = targets.unsqueeze(axis)
    try:
        if found.is_cpu:
            found.scatter_add_(axis, classes, _less(found.dtype).expand(classes.shape))
        else:
            found.scatter_(axis, classes, -1.0, reduce="add")
    except RuntimeError:
        return None
    return found.t() if axis == 0 else found
