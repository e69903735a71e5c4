"""How a kind of layer turns its input and the gradient of its output into gradients of single examples."""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from privet.core.plugins import attribute, names

# Of so few columns a kernel that goes along rows is slow; they are taken down the columns instead, or as they are.
NARROW = 16

HALF = (torch.float16, torch.bfloat16)

FAMILY = "privet.training.per_example.rules"
Grads: TypeAlias = dict[str, Tensor]


class Rule(ABC):
    """One family of layers. Batches come first in ``x`` and ``g``; results are named as the module's parameters.

    ``per_example`` is the plain definition; the other two may be done without forming it.
    """

    types: ClassVar[tuple[type[nn.Module], ...]] = ()
    # Classes that modules have while they are recorded, if they then run by a forward pass of the rule's own.
    recorded: ClassVar[Mapping[type[nn.Module], type]] = {}
    # Whether the rule answers for modules below, too.
    below: ClassVar[bool] = False
    # Whether these have rules of their own, which answer where this one cannot.
    dissolves: ClassVar[bool] = False
    # Whether its methods look at the values of parameters, not only at their shapes.
    reads: ClassVar[bool] = True
    # Whether input and gradient of one output are all that the methods need, so that a compiled graph can tell them.
    tapped: ClassVar[bool] = True
    # Whether they take inputs and gradients of half precision as they are; what they give is of single.
    half: ClassVar[bool] = False

    def refusal(self, module: Any) -> str | None:
        """Why this module cannot be private and what to use instead, or None."""
        return None

    @abstractmethod
    def per_example(self, module: Any, x: Tensor, g: Tensor) -> Grads:
        """Shapes: ``x`` (B, ...), ``g`` (B, ...) to (B, *parameter) for each trainable parameter."""

    def handles(self, module: Any) -> bool:
        """Whether the rule covers this module's options; if not, it is differentiated once more."""
        return True

    def prepare(self, module: Any, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """What the other methods get instead of input and output gradient; done once a step. Batches stay first."""
        return x, g

    def direct(self, module: Any, x: Tensor, g: Tensor) -> bool:
        """Whether forming every example's gradient is the quickest way to norms, if there is memory for it.

        It then costs what the plain weight gradient costs, and the weighted sum needs no second product.
        """
        return True

    def saves(self, x: Any, g: Any) -> float:
        """How many products a number saves that is kept; scales and shifts take so little that they come first."""
        return math.inf

    def squared_norms(self, module: Any, x: Tensor, g: Tensor) -> Tensor:
        """Squared norms of each example's gradient, over all trainable parameters. Shapes: (B,)."""
        return squared_norms(self.per_example(module, x, g))

    def weighted(self, module: Any, x: Tensor, g: Tensor, factors: Tensor) -> Grads:
        """Sum of the examples' gradients times ``factors`` (B,)."""
        return {name: weighted_sum(grad, factors) for name, grad in self.per_example(module, x, g).items()}

    def left_out(self, x: Any, g: Any, good: Tensor) -> tuple[Any, Any]:
        """The same with zeros for examples that are not ``good`` (B,)."""
        return only(x, good), only(g, good)


def squared_norms(grads: Mapping[str, Tensor]) -> Tensor:
    """Sum over parameters of the squared norm of each example's gradient, in single precision at least."""
    return torch.stack([row_squares(wide(grad)) for grad in grads.values()]).sum(0)


def row_squares(tensor: Tensor) -> Tensor:
    """Squared norm of each example. Shapes: (B, ...) to (B,)."""
    return lengths(tensor.flatten(1)).square()


def lengths(tensor: Tensor) -> Tensor:
    """Norms along the last axis, in single precision at least."""
    kind = torch.float32 if tensor.dtype in HALF else None
    return torch.linalg.vector_norm(tensor, dim=-1, dtype=kind)


def weighted_sum(grads: Tensor, factors: Tensor) -> Tensor:
    """Shapes: (B, *s) and (B,) to s."""
    # Half precision would round factors up, and carry an example above the clip.
    grads = wide(grads)
    return torch.tensordot(factors.to(grads.dtype), grads, dims=([0], [0]))


def outer_sum(gs: Tensor, xs: Tensor) -> Tensor:
    """Sum of outer products of rows. Shapes: (n, p), (n, d) to (p, d)."""
    if xs.shape[1] < NARROW <= gs.shape[1] and xs.is_cpu:
        # Libraries take several times as long if the narrow side comes last.
        return (xs.t() @ gs).t().contiguous()
    return gs.t() @ xs


def only(tensor: Tensor, good: Tensor) -> Tensor:
    """The tensor with zeros for examples that are left out: zero times infinity is no number."""
    if not tensor.is_floating_point():
        return tensor
    return torch.where(good.view(-1, *[1] * (tensor.dim() - 1)), tensor, torch.zeros_like(tensor))


def trainable(module: nn.Module, name: str) -> bool:
    """Whether the module has this parameter and trains it."""
    found = module._parameters.get(name)
    return found is not None and found.requires_grad


def middle(tensor: Tensor) -> Tensor:
    """(B, ..., d) to (B, T, d)."""
    return tensor.flatten(1, -2) if tensor.dim() > 2 else tensor.unsqueeze(1)


def over_places(tensor: Tensor) -> Tensor:
    """Sum over all axes behind the second. Shapes: (B, C, ...) to (B, C)."""
    return tensor.flatten(2).sum(2) if tensor.dim() > 2 else tensor


def wide(tensor: Tensor) -> Tensor:
    """Half precision as single; anything else as it is."""
    return tensor.float() if tensor.dtype in HALF else tensor


def in_precision(leaf: Any, kind: torch.dtype) -> Any:
    """A floating-point tensor in this precision, as under autocast inputs may have another than parameters."""
    return leaf.to(kind) if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf


def in_half(rule: Rule, g: Tensor, kind: torch.dtype) -> bool:
    """Whether the rule reads a half-precision pass as it is: on devices that multiply halves into single precision."""
    return rule.half and g.is_cuda and g.dtype in HALF and kind is torch.float32 and _products_widen()


@functools.cache
def _products_widen() -> bool:
    """PyTorch can since 2.8."""
    one = torch.ones(1, 8, 8, device="cuda", dtype=torch.bfloat16)
    try:
        return torch.bmm(one, one, torch.float32).dtype is torch.float32
    except (RuntimeError, TypeError, NotImplementedError):
        return False


@functools.cache
def _rules() -> dict[type[nn.Module], Rule]:
    made: dict[type[nn.Module], Rule] = {}
    for name in names(FAMILY):
        rule: Rule = attribute(FAMILY, name, "RULE")
        made |= dict.fromkeys([*rule.types, *rule.recorded.values()], rule)
    return made


def rule_for(module: nn.Module) -> Rule | None:
    """The rule of exactly this class; a subclass may compute something else, so it has none."""
    rule = _rules().get(type(module))
    return rule if rule is not None and rule.handles(module) else None
