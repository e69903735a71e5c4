"""What layers see in one pass: their inputs, and the gradients of their outputs as the backward pass meets them.

While an owner's forward runs its parameters ask for no gradient, so autograd keeps nothing for them and multiplies
nothing for them. A tap on the output, tied to an anchor that does ask, receives the output's gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from privet.core.errors import InvalidParameter
from privet.training.per_example import recorded
from privet.training.per_example.rule import Rule, rule_for
from privet.training.per_example.uses import Use, Uses


@dataclass(slots=True, eq=False)
class Owner:
    """A module that answers for parameters: its own by a rule, or all below it by differentiating it once more.

    ``axes`` says for each call in one forward pass where the batch lies in every tensor that goes in and comes out
    (None: not there).
    """

    name: str
    module: nn.Module
    rule: Rule | None
    axes: list[CallAxes] = field(default_factory=list)
    _named: dict[str, nn.Parameter] = field(default_factory=dict)
    # Whether its calls are told by a compiled graph.
    tapped: bool = False

    @classmethod
    def of(cls, name: str, module: nn.Module, *, whole: bool) -> Owner:
        rule = None if whole else rule_for(module)
        named = dict(module.named_parameters(recurse=rule is None or rule.below))
        return cls(name, module, rule, _named=named)

    def axes_of(self, number: int) -> CallAxes:
        """Axes of a call; a second forward pass before the backward one calls in the same order again."""
        return self.axes[number % len(self.axes)]

    @property
    def runs(self) -> bool:
        """Whether its module runs by a forward pass of the rule's own."""
        return self.rule is not None and bool(self.rule.recorded) and not self.tapped

    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable ones it answers for."""
        return {name: parameter for name, parameter in self._named.items() if parameter.requires_grad}


@dataclass(frozen=True, slots=True)
class CallAxes:
    """Batch axis of each tensor leaf of one call, in the order of flattening."""

    inputs: tuple[int | None, ...]
    outputs: tuple[int | None, ...]


@dataclass(slots=True, eq=False)
class Call:
    """One call of an owner: the leaves that went in, and the gradients of the tensors that came out."""

    owner: Owner
    number: int
    leaves: list[Any]
    structure: Any
    outputs: tuple[Tensor, ...] = ()
    grads: tuple[Tensor | None, ...] | None = None
    uses: Uses = field(default_factory=Uses)
    batch: int | None = None
    dropped: bool = False
    forgotten: bool = False
    # What a reader made of it.
    part: Any = None

    @property
    def reached(self) -> bool:
        """Whether a backward pass came by."""
        return self.dropped or self.grads is not None or any(use.reached for use in self.uses)

    def drop(self) -> None:
        """Its gradients are formed: let go of what they were formed from."""
        self.dropped, self.leaves, self.outputs, self.grads, self.part = True, [], (), None, None
        self.uses.drop()

    def tensors(self) -> list[Tensor]:
        return [leaf for leaf in self.leaves if isinstance(leaf, Tensor)]

    def rebuilt(self, tensors: list[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments with other tensors in place of its own."""
        left = iter(tensors)
        leaves = [next(left) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves]
        args, kwargs = tree_unflatten(leaves, self.structure)
        return args, kwargs


class _Tap(torch.autograd.Function):  # type: ignore[misc]
    """Hands outputs on and tells a call their gradients."""

    @staticmethod
    def forward(ctx: Any, tape: Tape, call: Call, anchor: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.tape, ctx.call = tape, call
        ctx.set_materialize_grads(False)
        # Neither inputs nor views of them, which could not be changed in place afterwards.
        return tuple(_alias(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if ctx.call.forgotten:
            return (None, None, None, *grads)
        if ctx.call.reached:
            raise InvalidParameter("a pass was differentiated twice; differentiate the sum of its losses once")
        ctx.call.grads = grads
        if ctx.tape.reached is not None:
            ctx.tape.reached(ctx.call, None)
        return (None, None, None, *grads)


Reached: TypeAlias = Callable[[Call, Use | None], None]


class Tape:
    """Records the calls of owners; attached for as long as the module is trained.

    ``reached`` is told when a backward pass has come by a call, or by one use in it. Outputs are held only on request:
    they would keep memory that the pass itself lets go of. ``open`` says whether calls are recorded at all. ``apart``
    keeps what happens here from a compiler, which can make no sense of it.
    """

    def __init__(self, owners: list[Owner], *, outputs: bool = False, apart: bool = False) -> None:
        self.calls: list[Call] = []
        # Of compiled passes; whoever holds one is told of its calls.
        self.tickets: list[Any] = []
        self.owners = owners
        self.reached: Reached | None = None
        self.open = True
        self._outputs, self._apart = outputs, apart
        self._anchor: Tensor | None = None
        self._hidden: list[list[nn.Parameter]] = []
        self._handles: list[Any] = []
        self._paused = False

    @contextmanager
    def attached(self) -> Iterator[Tape]:
        """Record every call of the owners within the block."""
        self.attach()
        try:
            yield self
        finally:
            self.detach()

    def attach(self) -> None:
        for owner in [owner for owner in self.owners if not owner.tapped]:
            if owner.rule is not None and owner.runs:
                kind = owner.rule.recorded[recorded.plain_class(type(owner.module))]
                recorded.start(owner.module, kind, partial(self._begin, owner))
                continue
            before, after = self._hooks(owner)
            if self._apart:
                before, after = map(torch.compiler.disable, (before, after))
            self._handles.append(owner.module.register_forward_pre_hook(before, with_kwargs=True))
            self._handles.append(owner.module.register_forward_hook(after, with_kwargs=True, always_call=True))

    def detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        for owner in self.owners:
            if owner.runs:
                recorded.stop(owner.module)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Record within the block, and afterwards only what a backward pass runs again, as checkpoints do."""
        self.open = True
        try:
            yield
        finally:
            self.open = False

    @property
    def _recording(self) -> bool:
        if self._paused or not torch.is_grad_enabled():
            return False
        return self.open or torch._C._current_graph_task_id() != -1

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let owners run without being recorded, as when one is differentiated once more."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def clear(self) -> None:
        """Forget what was recorded; its memory is free again, even while somebody holds the loss."""
        for call in self.calls:
            call.drop()
            call.forgotten = True
        self.calls.clear()
        self.tickets.clear()

    def _begin(self, owner: Owner) -> tuple[list[Use], Callable[[int], None]] | None:
        """A call of a module that runs by its rule's forward pass; None if it is not recorded."""
        if not self._recording or not owner.parameters():
            return None
        uses = self.begin(owner)
        call = self.calls[-1]

        def count(batch: int) -> None:
            call.batch = batch

        return uses, count

    def begin(self, owner: Owner) -> Uses:
        """A call of which only its uses will be told."""
        call = Call(owner, 0, [], None)
        call.uses = Uses(lambda use: self._used(call, use))
        self.calls.append(call)
        return call.uses

    def _used(self, call: Call, use: Use) -> None:
        if call.forgotten:
            use.drop()
        elif self.reached is not None:
            self.reached(call, use)

    def _hooks(self, owner: Owner) -> tuple[Any, Any]:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            # A deep copy of the module brings these hooks along; what it does is none of this tape's business.
            recorded = self._recording and module is owner.module
            hidden = list(owner.parameters().values()) if recorded else []
            for parameter in hidden:
                parameter.requires_grad_(False)
            self._hidden.append(hidden)

        def after(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
            hidden = self._hidden.pop()
            for parameter in hidden:
                parameter.requires_grad_(True)
            return self._tapped(owner, args, kwargs, output) if hidden and output is not None else None

        return before, after

    def _tapped(self, owner: Owner, args: Any, kwargs: Any, output: Any) -> Any:
        single = owner.rule is not None and len(args) == 1 and not kwargs and isinstance(output, Tensor)
        # What most layers are; no structure needs to be taken apart and put together again.
        leaves, structure = ([args[0]], None) if single else tree_flatten((args, kwargs))
        outs, shape = ([output], None) if single else tree_flatten(output)
        number = sum(call.owner is owner for call in self.calls)
        call = Call(owner, number, [leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves], structure)
        at = [i for i, out in enumerate(outs) if isinstance(out, Tensor) and out.is_floating_point()]
        taken = [self._own(outs[i], owner) for i in at]
        if self._anchor is None or (taken and self._anchor.device != taken[0].device):
            self._anchor = torch.zeros((), requires_grad=True, device=taken[0].device if taken else None)
        tapped = _Tap.apply(self, call, self._anchor, *taken)
        for i, tensor in zip(at, tapped, strict=True):
            outs[i] = tensor
        if self._outputs:
            call.outputs = tuple(tensor.detach() for tensor in tapped)
        self.calls.append(call)
        return outs[0] if single else tree_unflatten(outs, shape)

    @staticmethod
    def _own(tensor: Tensor, owner: Owner) -> Tensor:
        """A tensor that may be changed in place: layers with a rule never keep their output, others might."""
        return tensor if owner.rule is not None else tensor.clone()


def _alias(tensor: Tensor) -> Tensor:
    """Another tensor on the same memory."""
    return torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(tensor)
