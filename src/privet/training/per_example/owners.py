"""Who answers for which parameter, found out by running the module on two and on three examples.

A parameter begins with the module that holds it. It moves to the module above where the batch cannot be seen at its
own (a position table that is looked up once for all examples), where it is used outside its module's forward (tied
weights, attention's projections), or where no rule is known. In the end every example's gradient is compared with what
the plain module gives for that example alone: a module that mixes examples is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from privet.core.errors import PrivetError
from privet.training.per_example.differentiate import active_dropout
from privet.training.per_example.rule import rule_for
from privet.training.per_example.tape import Call, CallAxes, Owner, Tape


class UnsupportedModule(PrivetError):
    """A module cannot be trained privately as it is; the message names it and what to use instead."""


_MIXING = (nn.modules.batchnorm._BatchNorm,)


def find_owners(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, dissolved: bool = False
) -> list[Owner]:
    """Owners of every trainable parameter, with the axes of their calls; layer by layer if ``dissolved``.

    ``args`` and ``kwargs`` are a batch as the module gets it: every tensor that has one has it in its first axis.
    Errors: UnsupportedModule.
    """
    _refuse_by_name(module)
    names = {part: name for name, part in module.named_modules()}
    whole: set[nn.Module] = set()
    apart = {part for part in names if dissolved and (rule := rule_for(part)) is not None and rule.dissolves}
    with undisturbed(module):
        before = {name: buffer.clone() for name, buffer in module.named_buffers()}
        for _ in range(2 * len(names) + 1):
            owners = _owners(names, whole, apart)
            moved = _probe(module, owners, args, kwargs)
            if not moved:
                break
            apart |= {owner.module for owner in moved if owner.rule is not None and owner.rule.dissolves}
            whole |= {_above(module, owner) for owner in moved if owner.module not in apart}
        _refuse_written_buffers(module, before)
    for owner in owners:
        _refuse_dropout(owner)
    return owners


def _refuse_by_name(module: nn.Module) -> None:
    for name, part in module.named_modules():
        place = f"{name or 'the module'} ({type(part).__name__})"
        if isinstance(part, _MIXING) and part.training:
            raise UnsupportedModule(
                f"{place} normalises over the examples of a batch, so one example changes the gradients of all; use "
                "GroupNorm, LayerNorm or InstanceNorm"
            )
        rule = rule_for(part)
        reason = rule.refusal(part) if rule is not None else None
        if reason is not None:
            raise UnsupportedModule(f"{place}: {reason}")


def _refuse_written_buffers(module: nn.Module, before: dict[str, Tensor]) -> None:
    """A buffer that a pass writes would carry the batch out with the weights, past clipping and noise."""
    for name, buffer in module.named_buffers():
        if name not in before or not torch.equal(torch.nan_to_num(buffer), torch.nan_to_num(before[name])):
            raise UnsupportedModule(
                f"buffer {name!r} is changed by a forward pass, so it would leave without noise; take it out, or keep "
                "the module that writes it in eval mode"
            )


def _refuse_dropout(owner: Owner) -> None:
    dropout = active_dropout(owner.module) if owner.rule is None else None
    if dropout is not None:
        raise UnsupportedModule(
            f"{owner.name or 'the module'} ({type(owner.module).__name__}) has no rule of its own and uses dropout "
            f"({dropout}), whose mask a second pass cannot repeat; set its dropout to 0"
        )


def _owners(names: dict[nn.Module, str], whole: set[nn.Module], apart: set[nn.Module]) -> list[Owner]:
    """Modules that hold trainable parameters, but for those below a module that answers for everything below it."""
    found: list[Owner] = []
    covered: set[nn.Module] = set()
    for part, name in names.items():  # parents come before their children
        if part in covered:
            continue
        rule = None if part in apart else rule_for(part)
        if part in whole or (rule is None and any(p.requires_grad for p in part.parameters(recurse=False))):
            found.append(Owner.of(name, part, whole=True))
            covered |= set(part.modules())
        elif any(p.requires_grad for p in part.parameters(recurse=rule is not None and rule.below)):
            found.append(Owner.of(name, part, whole=False))
            covered |= set(part.modules()) if rule is not None and rule.below else set()
    return found


def _above(module: nn.Module, owner: Owner) -> nn.Module:
    """Who answers instead: the same module without its rule, or, where it had none, the module around it."""
    if owner.rule is not None:
        return owner.module
    if owner.module is module:
        raise UnsupportedModule(
            f"{type(module).__name__}: a parameter is used where no batch can be seen; examples must come first in "
            "every input and output"
        )
    return module.get_submodule(owner.name.rpartition(".")[0])


def _probe(module: nn.Module, owners: list[Owner], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Owner]:
    """Owners that cannot answer for their parameters; the axes of the others are written down."""
    passes = [_calls(module, owners, args, kwargs, size) for size in (2, 3)]
    moved: list[Owner] = []
    for owner in owners:
        two, three = ([call for call in calls if call.owner is owner] for calls, _ in passes)
        leaked = any(parameter in leaks for _, leaks in passes for parameter in owner.parameters().values())
        pairs = list(zip(two, three, strict=False))
        owner.axes = [_axes(a, b) for a, b in pairs]
        seen = all(_visible(owner, axes) for axes in owner.axes) and all(_clear(a, b) for a, b in pairs)
        if owner.runs:
            seen = all(a.batch == 2 and b.batch == 3 for a, b in pairs)
        if leaked or len(two) != len(three) or not seen:
            moved.append(owner)
    for calls, _ in passes:
        for call in calls:
            call.drop()
    return moved


def _calls(
    module: nn.Module, owners: list[Owner], args: tuple[Any, ...], kwargs: dict[str, Any], size: int
) -> tuple[list[Call], set[nn.Parameter]]:
    """The calls of one pass over so many examples, and the parameters that got a gradient behind the owners' backs."""
    tape = Tape(owners, outputs=True)
    with tape.attached():
        own_args, own_kwargs = tree_map(lambda leaf: first(leaf, size), (args, kwargs))
        out = module(*own_args, **own_kwargs)
        floats = [leaf for leaf in tree_flatten(out)[0] if isinstance(leaf, Tensor) and leaf.requires_grad]
        if floats:
            torch.autograd.backward(floats, [torch.ones_like(leaf) for leaf in floats])
    leaks = {parameter for parameter in module.parameters() if parameter.grad is not None}
    for parameter in leaks:
        parameter.grad = None
    return tape.calls, leaks


def first(leaf: Any, size: int) -> Any:
    """The first examples of a batch, over again if there are too few."""
    if not isinstance(leaf, Tensor) or leaf.dim() == 0:
        return leaf
    return leaf[torch.arange(size, device=leaf.device) % len(leaf)]


def _axes(two: Call, three: Call) -> CallAxes:
    inputs = tuple(_axis(a, b) for a, b in zip(two.tensors(), three.tensors(), strict=False))
    return CallAxes(inputs, tuple(_axis(a, b) for a, b in zip(two.outputs, three.outputs, strict=False)))


def _axis(two: Tensor, three: Tensor) -> int | None:
    """The one axis that grew from two to three."""
    grown = [i for i, (a, b) in enumerate(zip(two.shape, three.shape, strict=False)) if a != b]
    return grown[0] if len(grown) == 1 and two.shape[grown[0]] == 2 and three.shape[grown[0]] == 3 else None


def _clear(two: Call, three: Call) -> bool:
    """Whether every input that grows with the batch has it as an axis; tokens of all examples in a row do not."""
    pairs = zip(two.tensors(), three.tensors(), strict=False)
    return all(a.shape == b.shape or _axis(a, b) is not None for a, b in pairs)


def _visible(owner: Owner, axes: CallAxes) -> bool:
    """Whether the batch is seen where the owner needs it."""
    if not axes.outputs or any(axis is None for axis in axes.outputs):
        return False
    if owner.rule is not None:
        return len(axes.inputs) == 1 and axes.inputs[0] is not None
    return any(axis is not None for axis in axes.inputs)


@contextlib.contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Run the module without a trace: random state, buffers and gradients are put back, dropout is off."""
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    grads = {parameter: parameter.grad for parameter in module.parameters()}
    rates = [(part, name, getattr(part, name)) for part in module.modules() for name in ("p", "dropout")
             if isinstance(getattr(part, name, None), float)]  # fmt: skip
    devices = sorted({p.device.index or 0 for p in module.parameters() if p.device.type == "cuda"})
    try:
        for part, name, _ in rates:
            setattr(part, name, 0.0)
        for parameter in grads:
            parameter.grad = None
        with torch.random.fork_rng(devices=devices), torch.enable_grad():
            yield
    finally:
        for part, name, rate in rates:
            setattr(part, name, rate)
        for parameter, grad in grads.items():
            parameter.grad = grad
        for name, buffer in module.named_buffers():
            buffer.copy_(buffers[name])
