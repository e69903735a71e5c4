"""Any module, by differentiating it once more for each example: with vmap where it can be, one by one where not."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.utils._pytree import tree_flatten

from privet.training.per_example.rule import Grads, in_precision
from privet.training.per_example.tape import Call


def per_example(call: Call) -> Grads:
    """Gradients of every parameter below the call's module. Shapes: (B, *parameter)."""
    parameters = {name: parameter.detach() for name, parameter in call.owner.parameters().items()}
    kind = next(iter(parameters.values())).dtype
    tensors, axes = [in_precision(tensor, kind) for tensor in call.tensors()], call.owner.axes_of(call.number)
    chosen = [i for i, axis in enumerate(axes.outputs) if axis is not None and (call.grads or ())[i] is not None]
    seen = [in_precision((call.grads or ())[i], kind) for i in chosen]
    out_axes = [axes.outputs[i] for i in chosen]

    def inner(parameters: dict[str, Tensor], own: list[Tensor], weights: list[Tensor]) -> Tensor:
        """<output, its gradient> of one example, whose gradient is the example's own."""
        whole = [_put_back(tensor, axis) for tensor, axis in zip(own, axes.inputs, strict=True)]
        args, kwargs = call.rebuilt(whole)
        out = functional_call(call.owner.module, parameters, args, kwargs)
        floats = [leaf for leaf in tree_flatten(out)[0] if isinstance(leaf, Tensor) and leaf.is_floating_point()]
        total = floats[0].new_zeros(())
        for i, axis, weight in zip(chosen, out_axes, weights, strict=True):
            total = total + (floats[i] * _put_back(weight, axis)).sum()
        return total

    own_axes = list(axes.inputs)
    if not _examples(tensors, own_axes):
        return {name: parameter.new_zeros(0, *parameter.shape) for name, parameter in parameters.items()}
    try:
        with warnings.catch_warnings():
            # Where vmap has no rule it loops by itself; slower, and as right.
            warnings.filterwarnings("ignore", message=".*batching rule.*")
            each = vmap(grad(inner), in_dims=(None, own_axes, out_axes), randomness="error")
            made = each(parameters, tensors, seen)
    except RuntimeError:
        made = _one_by_one(inner, parameters, tensors, own_axes, seen, out_axes)
    return {name: found.detach() for name, found in made.items()}


def _put_back(tensor: Tensor, axis: int | None) -> Tensor:
    return tensor if axis is None else tensor.unsqueeze(axis)


def _examples(tensors: list[Tensor], axes: list[int | None]) -> int:
    return next(int(tensor.shape[axis]) for tensor, axis in zip(tensors, axes, strict=True) if axis is not None)


def _one(tensor: Tensor, axis: int | None, number: int) -> Tensor:
    return tensor if axis is None else tensor.select(axis, number)


def _one_by_one(
    inner: Any,
    parameters: dict[str, Tensor],
    tensors: list[Tensor],
    axes: list[int | None],
    seen: list[Any],
    out_axes: list[int | None],
) -> dict[str, Tensor]:
    """The plain way, for modules that vmap cannot read, such as recurrent ones."""
    made: dict[str, list[Tensor]] = {name: [] for name in parameters}
    for number in range(_examples(tensors, axes)):
        own = [_one(tensor, axis, number) for tensor, axis in zip(tensors, axes, strict=True)]
        weights = [_one(gradient, axis, number) for gradient, axis in zip(seen, out_axes, strict=True)]
        asked = {name: parameter.clone().requires_grad_() for name, parameter in parameters.items()}
        with torch.enable_grad():
            value = inner(asked, own, weights)
        found = torch.autograd.grad(value, list(asked.values()), allow_unused=True)
        for (name, parameter), gradient in zip(asked.items(), found, strict=True):
            made[name].append(torch.zeros_like(parameter) if gradient is None else gradient)
    return {name: torch.stack(grads) for name, grads in made.items()}


def active_dropout(module: nn.Module) -> str | None:
    """Name of a dropout below the module that is on: a second pass would draw another mask."""
    for name, part in module.named_modules():
        rate = part.p if isinstance(part, nn.modules.dropout._DropoutNd) else getattr(part, "dropout", 0)
        if part.training and isinstance(rate, float) and rate > 0:
            return name or type(part).__name__
    return None
