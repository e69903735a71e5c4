"""A sharded module as the plain one that it would be: same structure, other parameters, no hooks of the sharding."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from privet.training.distributed.shards import sharded_modules
from privet.training.per_example.rule import rule_for

_SHARDING = "torch.distributed"


def twin_of(module: nn.Module, parameters: Mapping[nn.Parameter, nn.Parameter]) -> nn.Module:
    """A copy of the module with ``parameters`` in place of its own; buffers are shared."""
    memo: dict[int, Any] = {id(old): new for old, new in parameters.items()}
    memo |= {id(buffer): buffer for buffer in module.buffers()}
    sharded = sharded_modules(module)
    for part in sharded:
        # Sharded modules refuse to be copied, so their copies are begun here and filled below.
        memo[id(part)] = object.__new__(_plain_class(type(part)))
    for part in sharded:
        state = {name: _without_sharding(value) for name, value in part.__getstate__().items()}
        memo[id(part)].__setstate__(copy.deepcopy(state, memo))
    twin: nn.Module = copy.deepcopy(module, memo)
    for name, part in module.named_modules():
        if sharded_modules(part):
            _take_own_pass(twin.get_submodule(name))
    return twin


def _take_own_pass(twin: nn.Module) -> None:
    """Take a rule away that runs a module by a pass of its own, or parts below it: weights would not be gathered.

    A class of its own has no rule: parts with rules are then taken one by one, or the module is differentiated.
    """
    rule = rule_for(twin)
    if rule is not None and (rule.recorded or rule.below):
        twin.__class__ = type(type(twin).__name__, (type(twin),), {})


def _plain_class(kind: type[nn.Module]) -> type[nn.Module]:
    """The class that the module had before it was sharded."""
    return next(one for one in kind.__mro__ if not one.__module__.startswith(_SHARDING))


def _without_sharding(value: Any) -> Any:
    """Hooks and notes on a module less the sharding's; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return type(value)((name, one) for name, one in value.items() if not _made_by_sharding(one))


def _made_by_sharding(value: Any) -> bool:
    held = isinstance(value, (Tensor, nn.Module))
    return not held and str(getattr(value, "__module__", "")).startswith(_SHARDING)
