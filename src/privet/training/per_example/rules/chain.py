"""nn.Sequential of linear layers, activations and dropout: one pass forward and one back for the whole chain.

The layers have rules of their own, too; a chain has less to record between them, and works in place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privet.training.per_example.recorded import Recorded
from privet.training.per_example.rule import NARROW
from privet.training.per_example.uses import Use, UsesRule

_aten = torch.ops.aten

# Of each activation: its output from an input that may be overwritten, and the gradient of the input, written into the
# third, from that of the output and the output.
Slope: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
_ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Slope]] = {
    nn.ReLU: (torch.relu_, lambda g, out, into: _aten.threshold_backward.grad_input(g, out, 0, grad_input=into)),
    nn.Tanh: (torch.tanh_, lambda g, out, into: _aten.tanh_backward.grad_input(g, out, grad_input=into)),
    nn.Sigmoid: (torch.sigmoid_, lambda g, out, into: _aten.sigmoid_backward.grad_input(g, out, grad_input=into)),
}


class Seen:
    """A linear layer's input, and the gradient of its output once the way back has come by. Shapes: (B, ..., d).

    ``weight`` and ``bias`` are None where they are not trained.
    """

    __slots__ = ("bias", "g", "module", "name", "weight", "x")

    def __init__(self, name: str, module: nn.Module, x: Tensor, g: Any = None) -> None:
        self.name, self.module, self.x, self.g = name, module, x, g
        weight, bias = module._parameters["weight"], module._parameters["bias"]
        self.weight = weight if weight.requires_grad else None
        self.bias = bias if bias is not None and bias.requires_grad else None

    def reach(self, g: Tensor) -> None:
        self.g = g


class Reporting:
    """A linear layer's use on a tape."""

    __slots__ = ("use",)

    def __init__(self, uses: list[Use], name: str, layer: nn.Module, x: Tensor) -> None:
        self.use = Use(f"{name}.weight", None if layer.bias is None else f"{name}.bias", _three(x).detach())
        uses.append(self.use)

    def reach(self, g: Tensor) -> None:
        self.use.reach(_three(g))


Layers: TypeAlias = Collection[tuple[str, nn.Module]]
See: TypeAlias = Callable[[str, nn.Module, Tensor], Any]
# Layers on the way forward, each with what the way back needs of it.
Way: TypeAlias = list[tuple[nn.Module, Any]]


def forward(layers: Layers, x: Tensor, see: See) -> tuple[Tensor, Way]:
    """All layers, without autograd; ``see`` is told what linear ones see. Shapes: (B, ..., d) to (B, ..., p)."""
    way: Way = []
    own = False  # whether the tensor at hand may be overwritten
    for name, layer in layers:
        kind = type(layer)
        if kind is nn.Linear:
            way.append((layer, see(name, layer, x)))
            x = _linear(layer, x)
        elif kind is nn.Flatten:
            way.append((layer, x.shape))
            x = x.flatten(1)
            continue
        elif kind is nn.Dropout:
            if not layer.training or not layer.p:
                continue
            x, kept = torch.native_dropout(x, layer.p, True)
            way.append((layer, kept))
        else:
            x = _ACTIVATIONS[kind][0](x if own else x.clone())
            way.append((layer, x))
        own = True
    return (x if own else x.clone()), way


def backward(way: Way, g: Tensor, *, below: bool) -> Tensor | None:
    """Every linear layer's ``see`` gets the gradient of its output; the input's is formed if asked for ``below``."""
    lowest = None if below else _lowest(way)
    own = False  # whether the gradient at hand may be overwritten
    for layer, kept in reversed(way):
        kind = type(layer)
        if kind is nn.Linear:
            kept.reach(g)
            if layer is lowest:
                return None
            g, own = g @ layer.weight.detach().to(g.dtype), True
        elif kind is nn.Flatten:
            g = g.view(kept)
        elif kind is nn.Dropout:
            g = _aten.native_dropout_backward(g, kept, 1 / (1 - layer.p) if layer.p < 1 else 0.0)
        else:
            g, own = _ACTIVATIONS[kind][1](g, kept, g if own else torch.empty_like(g)), True
    return g


def _lowest(way: Way) -> nn.Module | None:
    """The linear layer that the way back comes to last."""
    for layer, _ in way:
        if type(layer) is nn.Linear:
            return layer
    return None


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    weight, bias = layer._parameters["weight"], layer._parameters["bias"]
    if layer.out_features <= NARROW and bias is not None and x.dim() == 2:
        # Of few outputs the product is quicker this way around, as is much that is done with them.
        return torch.addmm(bias.unsqueeze(1), weight, x.t()).t()
    return F.linear(x, weight, bias)


class _ChainPass(torch.autograd.Function):  # type: ignore[misc]
    """A chain within a module that autograd differentiates."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, anchor: Tensor, layers: Layers, uses: list[Use]) -> Tensor:
        ctx.kind = x.dtype
        out, ctx.way = forward(layers, x, partial(Reporting, uses))
        # Not a view, which could not be changed in place afterwards.
        return out.clone(memory_format=torch.contiguous_format) if out._is_view() else out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        found = backward(ctx.way, g, below=ctx.needs_input_grad[0])
        ctx.way = None
        return (None if found is None else found.to(ctx.kind)), None, None, None


class RecordedSequential(Recorded, nn.Sequential):  # type: ignore[misc]
    """A chain while its passes are recorded."""

    def recorded_forward(self, uses: list[Use], input: Tensor) -> tuple[Any, int]:
        anchor = torch.zeros((), requires_grad=True, device=input.device)
        return _ChainPass.apply(input, anchor, list(self._modules.items()), uses), len(input)


class Chain(UsesRule):
    types = (nn.Sequential,)
    recorded: ClassVar[Mapping[type[nn.Module], type]] = {nn.Sequential: RecordedSequential}
    below = True
    dissolves = True

    def handles(self, module: Any) -> bool:
        """Chains of what is known here, each layer once and without hooks; others are taken layer by layer."""
        layers = list(module._modules.values())
        known = all(type(layer) in (nn.Linear, nn.Dropout, *_ACTIVATIONS) or _flattens(layer) for layer in layers)
        hooked = any(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks for layer in layers)
        weights = [
            id(parameter) for layer in layers for parameter in layer._parameters.values() if parameter is not None
        ]
        return bool(weights) and known and not hooked and len(weights) == len(set(weights))


def _flattens(layer: nn.Module) -> bool:
    return type(layer) is nn.Flatten and layer.start_dim == 1 and layer.end_dim == -1


def _three(x: Tensor) -> Tensor:
    """(B, ..., d) to (B, T, d)."""
    return x.unsqueeze(1) if x.dim() == 2 else x.flatten(1, -2)


RULE = Chain()
