"""Passes through torch.compile: the whole module is one graph, and a tap behind each layer tells of it on the way back.

A compiler that met the tape's hooks would cut the module in pieces at each of them. A tap is an operator of ours in the
backward graph instead, opaque to it: whenever it runs, it hands a layer's input and its output's gradient to the tape.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.training.per_example import recorded
from privet.training.per_example.reading import Reader
from privet.training.per_example.tape import Call, CallAxes, Owner, Tape

_FIRST = CallAxes((0,), (0,))


class CompiledPasses:
    """Runs a module compiled. Owners with a rule that reads inputs and gradients are tapped in the graph; parts of the
    module with a forward pass of ours, or without a rule, run as ever, between graphs.

    Errors: what torch.compile raises.
    """

    def __init__(self, module: nn.Module, owners: list[Owner]) -> None:
        self._owners = _tapped_of(owners)
        for owner in self._owners:
            owner.tapped, owner.axes = True, [_FIRST] * len(owner.axes)
        self._state = _State()
        self._anchor = torch.zeros((), requires_grad=True, device=next(module.parameters()).device)
        self._compiled = torch.compile(functools.partial(_run, module))
        self._handles: list[Any] = []

    def attach(self) -> None:
        for number, owner in enumerate(self._owners):
            hook = functools.partial(_tapped, self._state, number)
            self._handles.append(owner.module.register_forward_hook(hook))
        recorded.keep_apart()

    def detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def __call__(self, tape: Tape, reader: Reader, args: Any, kwargs: Any) -> Any:
        """A recorded pass."""
        ticket = _Ticket(tape, reader, self._owners)
        for leaf in (*args, *kwargs.values()):
            if isinstance(leaf, Tensor) and leaf.dim():
                # Batches differ in size from step to step.
                torch._dynamo.maybe_mark_dynamic(leaf, 0)
        self._state.taps, self._state.anchor = ticket.number, self._anchor
        try:
            with _hidden(self._owners):
                out = self._compiled(*args, **kwargs)
        finally:
            self._state.taps = None
        # Lives as long as the pass is remembered.
        tape.tickets.append(ticket)
        return out


def _tapped_of(owners: list[Owner]) -> list[Owner]:
    """Those that can be tapped and share no parameter with one that cannot."""
    found = [owner for owner in owners if tappable(owner)]
    while True:
        rest = {parameter for owner in owners if owner not in found for parameter in owner.parameters().values()}
        kept = [owner for owner in found if rest.isdisjoint(owner.parameters().values())]
        if len(kept) == len(found):
            return found
        found = kept


def tappable(owner: Owner) -> bool:
    """Whether the owner's rule needs no more than one input and the gradient of one output, examples first in both."""
    if owner.rule is None or not owner.rule.tapped or not owner.axes:
        return False
    # One that runs by a pass of ours has been seen with examples first, or it would have no rule here.
    return owner.runs or set(owner.axes) == {_FIRST}


def _run(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    return module(*args, **kwargs)


class _State:
    """What hooks look at: the number of the pass that runs compiled, in a tensor, so that it is no constant."""

    def __init__(self) -> None:
        self.taps: Tensor | None = None
        self.anchor: Tensor | None = None


def _tapped(state: _State, owner: int, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
    if state.taps is None or not torch.is_grad_enabled():
        return None
    made: Tensor = _Tap.apply(output, args[0], state.anchor, state.taps, owner)
    return made


class _Tap(torch.autograd.Function):  # type: ignore[misc]
    """Nothing on the way forward; tells a layer's input and its output's gradient on the way back."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, x: Tensor, anchor: Tensor, ticket: Tensor, owner: int) -> Tensor:
        ctx.save_for_backward(x, ticket)
        ctx.owner = owner
        # No view, so that it may be changed in place; the compiler sees that nothing needs to be copied.
        return output.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, ticket = ctx.saved_tensors
        # The anchor's gradient, so that nobody takes the call for one without a use.
        return g, None, torch.ops.privet.reached(x, g, ticket, ctx.owner), None, None


class _Ticket:
    """One pass: its calls by owner, in the order of the way back."""

    _numbers = itertools.count()

    def __init__(self, tape: Tape, reader: Reader, owners: list[Owner]) -> None:
        # A number in a tensor on the host: read without waiting for anybody.
        self.number = torch.tensor(next(self._numbers))
        self._tape, self._reader = tape, reader
        self._waiting = [[Call(owner, number, [], None) for number in range(len(owner.axes))] for owner in owners]
        for calls in self._waiting:
            tape.calls.extend(calls)
        _tickets[int(self.number)] = self

    def reached(self, owner: int, x: Tensor, g: Tensor) -> None:
        if not self._waiting[owner]:
            raise InvalidParameter("a pass was differentiated twice; differentiate the sum of its losses once")
        call = self._waiting[owner].pop()
        if call.forgotten:
            return
        call.leaves, call.grads = [x], (g,)
        if self._tape.reached is not None:
            self._tape.reached(call, None)
        # The graph will put something else into this memory.
        if not call.dropped:
            call.leaves, call.grads, call.part = [x.clone()], (g.clone(),), None
        self._reader.part_from(call.owner.parameters().values(), [x, g])


_tickets: WeakValueDictionary[int, _Ticket] = WeakValueDictionary()


def _reached(x: Tensor, g: Tensor, ticket: Tensor, owner: int) -> Tensor:
    found = _tickets.get(int(ticket))
    # None: the pass was forgotten.
    if found is not None:
        found.reached(owner, x, g)
    return g.new_zeros((), dtype=torch.float32)


def _shape_of_reached(x: Tensor, g: Tensor, ticket: Tensor, owner: int) -> Tensor:
    return g.new_empty((), dtype=torch.float32)


_SCHEMA = "(Tensor x, Tensor g, Tensor ticket, int owner) -> Tensor"
torch.library.custom_op("privet::reached", _reached, mutates_args=(), schema=_SCHEMA).register_fake(_shape_of_reached)


@contextmanager
def _hidden(owners: Iterable[Owner]) -> Iterator[None]:
    """Parameters ask for no gradient, so that the graph has none of them."""
    parameters = {parameter for owner in owners for parameter in owner.parameters().values()}
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
