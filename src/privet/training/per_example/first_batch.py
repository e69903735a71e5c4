"""What the first batch shows: who answers for which parameter, that no example looks at another, what a pass holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from privet.training.per_example.clipping import grads_of_examples
from privet.training.per_example.full_precision import full_precision
from privet.training.per_example.owners import UnsupportedModule, find_owners, first, undisturbed
from privet.training.per_example.reading import Reader
from privet.training.per_example.rule import in_precision
from privet.training.per_example.tape import Owner, Tape

# A module that mixes examples is off by far more; rounding in half precision by less.
_AGREEMENT = {torch.float64: 1e-6, torch.float32: 2e-3}
# So many examples are looked at.
_FEW = 3


@dataclass(frozen=True, slots=True)
class FirstLook:
    """``owners`` of the parameters; ``held`` bytes of each example that a plain pass holds, None where unknown."""

    owners: list[Owner]
    held: float | None

    @classmethod
    def at(cls, module: nn.Module, args: Any, kwargs: Any, *, dissolved: bool = False) -> FirstLook:
        """In full precision even where the loop trains with less. Errors: UnsupportedModule."""
        parameter = next(module.parameters())
        with torch.autocast(parameter.device.type, enabled=False), full_precision(parameter.device):
            args, kwargs = tree_map(lambda leaf: in_precision(leaf, parameter.dtype), (args, kwargs))
            owners = find_owners(module, args, kwargs, dissolved=dissolved)
            refuse_mixing(module, owners, args, kwargs)
            return cls(owners, held_by(module, args, kwargs))


def held_by(module: nn.Module, args: Any, kwargs: Any) -> float | None:
    """Bytes that a plain pass holds of each example until it is differentiated, weights apart.

    None where the pass cannot be looked into.
    """
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if type(tensor) is Tensor:
            storage = tensor.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with undisturbed(module), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        few, named = tree_map(lambda leaf: first(leaf, _FEW), (args, kwargs))
        try:
            out = module(*few, **named)
        except RuntimeError:  # torch.func allows no look
            return None
    held = sum(size for place, size in found.items() if place not in weights)
    del out
    return held / _FEW


def refuse_mixing(module: nn.Module, owners: list[Owner], args: Any, kwargs: Any) -> None:
    """Refuse a module whose gradients of single examples are not those of the examples alone."""
    with undisturbed(module):
        own_args, own_kwargs = tree_map(lambda leaf: first(leaf, _FEW), (args, kwargs))
        tape = Tape(owners)
        with tape.attached():
            weights = _backward(module(*own_args, **own_kwargs), None)
        together = grads_of_examples(Reader(tape))
        for number in range(_FEW):
            one_args, one_kwargs = tree_map(lambda leaf, n=number: _only(leaf, n), (own_args, own_kwargs))
            _backward(module(*one_args, **one_kwargs), [weight[number : number + 1] for weight in weights])
            _compare(module, together, number)
        tape.clear()


def _backward(out: Any, weights: list[Tensor] | None) -> list[Tensor]:
    """Differentiate every output along fixed directions, different for each entry; gives them back."""
    floats = [leaf for leaf in tree_flatten(out)[0] if isinstance(leaf, Tensor) and leaf.requires_grad]
    chosen = weights or [torch.arange(leaf.numel(), device=leaf.device).cos().view_as(leaf).to(leaf) for leaf in floats]
    if [leaf.numel() for leaf in floats] != [weight.numel() for weight in chosen]:
        raise UnsupportedModule(
            "the module gives an output that has not the examples in its first axis; transpose it within the module"
        )
    # A module may squeeze a batch of one away.
    torch.autograd.backward(floats, [weight.view_as(leaf) for weight, leaf in zip(chosen, floats, strict=True)])
    return chosen


def _only(leaf: Any, number: int) -> Any:
    return leaf[number : number + 1] if isinstance(leaf, Tensor) and leaf.dim() else leaf


def _compare(module: nn.Module, together: dict[nn.Parameter, Tensor], number: int) -> None:
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        ours = together[parameter][number] if parameter in together else torch.zeros_like(parameter)
        parameter.grad = None
        size, gap = float(plain.norm()), float((plain - ours).norm())
        allowed = _AGREEMENT.get(parameter.dtype, 0.1) * max(size, 1e-3)
        if math.isfinite(size) and not gap <= allowed:
            raise UnsupportedModule(
                f"parameter {name!r}: the gradient of one example in a batch is not that of the example alone; the "
                "module mixes examples, or does not have them in the first axis"
            )
