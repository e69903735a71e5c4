"""The step of plain SGD without the bookkeeping around it, which costs small models more than their step."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer as _hooks
from torch.optim import sgd


def stepped(optimizer: torch.optim.Optimizer) -> bool:
    """Do what ``optimizer.step()`` does, bit for bit, if it is SGD with momentum at most; else False, and nothing.

    Hooks, a step that somebody has replaced, and gradients that are missing are left to the optimizer itself.
    Gradients must be off.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.ones(2)
    >>> with torch.no_grad():
    ...     stepped(torch.optim.SGD([weight], lr=0.5))
    True
    >>> weight.tolist()
    [0.5, 0.5]
    """
    if type(optimizer) is not torch.optim.SGD or _is_watched(optimizer):
        return False
    found = [_moves(optimizer, group) for group in optimizer.param_groups]
    if None in found:
        return False
    for group, moves in zip(optimizer.param_groups, found, strict=True):
        parameters, grads, velocities = moves or ([], [], [])
        if velocities:
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_add_(velocities, grads)
        if parameters:
            torch._foreach_add_(parameters, velocities or grads, alpha=-group["lr"])
    # What a scheduler's own wrapper notes, to warn of a scheduler that steps first.
    optimizer._opt_called = True
    return True


Moves = tuple[list[Tensor], list[Tensor], list[Tensor]]


def _moves(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> Moves | None:
    """Parameters, gradients and velocities of a group; None if its step is more than these."""
    if group["weight_decay"] or group["dampening"] or group["nesterov"] or group["maximize"] or group["differentiable"]:
        return None
    if group["fused"] or not isinstance(group["lr"], float):
        return None
    parameters, grads = [], []
    for parameter in group["params"]:
        if parameter.requires_grad:
            grad = parameter.grad
            if grad is None or grad.is_sparse:
                return None
            parameters.append(parameter)
            grads.append(grad)
    if not group["momentum"]:
        return parameters, grads, []
    velocities = [optimizer.state.get(parameter, {}).get("momentum_buffer") for parameter in parameters]
    return None if any(velocity is None for velocity in velocities) else (parameters, grads, velocities)


def _is_watched(optimizer: Any) -> bool:
    """Whether a step is more than the optimizer's own code."""
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        return True
    if not _is_torch_s_own(type(optimizer).step):
        return True
    if _hooks._global_optimizer_pre_hooks or _hooks._global_optimizer_post_hooks:
        return True
    return "step" in vars(optimizer) and not _scheduled(optimizer)


@functools.lru_cache(maxsize=8)
def _is_torch_s_own(step: Any) -> bool:
    """Whether nobody has put a step of theirs into the class, under whatever wrappers."""
    while step is not None:
        if step.__code__.co_filename not in (_hooks.__file__, sgd.__file__):
            return False
        step = getattr(step, "__wrapped__", None)
    return True


def _scheduled(optimizer: Any) -> bool:
    return hasattr(vars(optimizer).get("step"), "_wrapped_by_lr_sched")
