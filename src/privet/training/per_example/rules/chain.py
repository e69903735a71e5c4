"""nn.Sequential of linear layers, activations and dropout: one pass forward and one back for the whole chain.

The layers have rules of their own, too; a chain has less to record between them, and works in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privet.training.per_example.recorded import Recorded
from privet.training.per_example.uses import Use, UsesRule

_aten = torch.ops.aten

# Of each activation: its output from an input that may be overwritten, and the gradient of the input from that of the
# output and the output.
Slope: TypeAlias = Callable[[Tensor, Tensor], Tensor]
_ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Slope]] = {
    nn.ReLU: (torch.relu_, lambda g, out: _aten.threshold_backward(g, out, 0)),
    nn.Tanh: (torch.tanh_, _aten.tanh_backward),
    nn.Sigmoid: (torch.sigmoid_, _aten.sigmoid_backward),
}


Layers: TypeAlias = list[tuple[str, nn.Module]]
# Layers on the way forward, each with what the way back needs of it.
Way: TypeAlias = list[tuple[nn.Module, Any]]


def forward(layers: Layers, x: Tensor, uses: list[Use]) -> tuple[Tensor, Way]:
    """All layers of a chain, without autograd. Shapes: (B, ..., d) to (B, ..., p)."""
    way: Way = []
    own = False  # whether the tensor at hand may be overwritten
    for name, layer in layers:
        if isinstance(layer, nn.Linear):
            use = Use(f"{name}.weight", None if layer.bias is None else f"{name}.bias", _three(x).detach())
            uses.append(use)
            way.append((layer, use))
            x = F.linear(x, layer.weight.detach(), None if layer.bias is None else layer.bias.detach())
        elif isinstance(layer, nn.Flatten):
            way.append((layer, x.shape))
            x = x.flatten(1)
            continue
        elif isinstance(layer, nn.Dropout):
            if not layer.training or not layer.p:
                continue
            x, kept = torch.native_dropout(x, layer.p, True)
            way.append((layer, kept))
        else:
            x = _ACTIVATIONS[type(layer)][0](x if own else x.clone())
            way.append((layer, x))
        own = True
    return (x if own else x.clone()), way


def backward(way: Way, g: Tensor, *, below: bool) -> Tensor | None:
    """Tell every use the gradient of its output; the input's is formed only if asked for ``below``."""
    left = sum(isinstance(layer, nn.Linear) for layer, _ in way)
    for layer, kept in reversed(way):
        if isinstance(layer, nn.Linear):
            kept.reach(_three(g))
            left -= 1
            if not left and not below:
                return None
            g = g @ layer.weight.detach().to(g.dtype)
        elif isinstance(layer, nn.Flatten):
            g = g.view(kept)
        elif isinstance(layer, nn.Dropout):
            g = _aten.native_dropout_backward(g, kept, 1 / (1 - layer.p) if layer.p < 1 else 0.0)
        else:
            g = _ACTIVATIONS[type(layer)][1](g, kept)
    return g


class _ChainPass(torch.autograd.Function):  # type: ignore[misc]
    """A chain within a module that autograd differentiates."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, anchor: Tensor, layers: Layers, uses: list[Use]) -> Tensor:
        ctx.kind = x.dtype
        out, ctx.way = forward(layers, x, uses)
        # Not a view, which could not be changed in place afterwards.
        return out.clone() if out._is_view() else out

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
