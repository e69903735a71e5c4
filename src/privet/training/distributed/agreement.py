"""What every rank must state alike before anything is claimed: each fact as a digest, so that no data travel."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn

from privet._version import __version__
from privet.core.events import to_json
from privet.training.training_plan import TrainingPlan


def facts_of(
    plan: TrainingPlan,
    *,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    examples: int,
    users: Sequence[np.ndarray[Any, Any]] | None,
    loss_reduction: str,
    account: Any,
) -> dict[str, str]:
    """Digests by name, the same for the same program on the same data."""
    named = {parameter: name for name, parameter in module.named_parameters()}
    groups = [
        {**group, "params": [named.get(parameter, "?") for parameter in group["params"]]}
        for group in optimizer.param_groups
    ]
    parts = [
        (name, tuple(p.shape), str(p.dtype), p.requires_grad, str(getattr(p, "placements", "")))
        for name, p in [*module.named_parameters(), *module.named_buffers()]
    ]
    stated = {
        "plan": [described(plan), json.dumps(to_json(plan.event_after(plan.steps)), sort_keys=True)],
        "account": described(account),
        "parameters": described(parts),
        "optimizer": [type(optimizer).__qualname__, described(groups)],
        "number_of_examples": described(examples),
        "users": None if users is None else described([np.concatenate(users), np.array([len(own) for own in users])]),
        "loss_reduction": loss_reduction,
        "versions": [torch.__version__, __version__],
    }
    return {name: _digest(value) for name, value in stated.items()}


def described(value: Any) -> Any:
    """A value as plain JSON, by its fields and never by its place in memory.

    >>> described((1, Fraction(1, 3), {"a": None}))
    [1, '1/3', {'a': None}]
    """
    if value is None or isinstance(value, (bool, int, str)):
        return str(value) if isinstance(value, enum.Enum) else value
    if isinstance(value, (float, Fraction)):
        return str(value)
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
    if isinstance(value, torch.Tensor):
        return described(value.detach().cpu().numpy())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [one.name for one in dataclasses.fields(value) if one.compare]
        return [type(value).__qualname__, *(described(getattr(value, name)) for name in fields)]
    if isinstance(value, Mapping):
        return {str(name): described(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(one) for one in value]
    # A function's values are in the event of the plan.
    return getattr(value, "__qualname__", type(value).__qualname__)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
