"""Recorded calls as gradients of single examples: formed during the backward pass, or when a sum is asked for.

What is formed at once needs neither input nor output gradient afterwards, so that their memory is free for the rest of
the backward pass, and works on what is still in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from privet.training.per_example import differentiate
from privet.training.per_example.keeping import Keeping
from privet.training.per_example.rule import Rule, in_half, in_precision, row_squares, wide
from privet.training.per_example.scratch import Scratch
from privet.training.per_example.tape import Call, Tape
from privet.training.per_example.uses import Use

# Bytes that kept gradients of single examples may take.
MEMORY = 1 << 30

Named: TypeAlias = dict[str, nn.Parameter]
ByParameter: TypeAlias = dict[nn.Parameter, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Ruled:
    """A call that a rule reads: batches in front."""

    rule: Rule
    module: nn.Module
    parameters: Named
    x: Any
    g: Any
    batch: int

    def squares(self) -> Tensor:
        return self.rule.squared_norms(self.module, self.x, self.g)

    def each(self) -> ByParameter:
        grads = self.rule.per_example(self.module, self.x, self.g)
        return {self.parameters[name]: grad for name, grad in grads.items()}

    def size(self) -> int:
        """Bytes of every example's gradient."""
        return self.batch * sum(int(p.numel()) * int(p.element_size()) for p in self.parameters.values())

    def direct(self) -> bool:
        return self.rule.direct(self.module, self.x, self.g)

    def saves(self) -> float:
        return self.rule.saves(self.x, self.g)

    def weighted(self, factors: Tensor, good: Tensor | None) -> ByParameter:
        x, g = (self.x, self.g) if good is None else self.rule.left_out(self.x, self.g, good)
        totals = self.rule.weighted(self.module, x, g, factors)
        return {self.parameters[name]: total for name, total in totals.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Differentiated:
    """A call whose module is differentiated once more."""

    call: Call
    parameters: Named

    def each(self) -> ByParameter:
        return {self.parameters[name]: grad for name, grad in differentiate.per_example(self.call).items()}


class Reader:
    """What a tape recorded, by parameter. ``kept`` holds every example's gradient where it is formed already.

    ``memory`` in bytes may be taken by what is formed during the backward pass; it changes speed, not results.
    ``scratch`` is memory of earlier steps to work in.
    """

    def __init__(self, tape: Tape, *, memory: int = 0, scratch: Scratch | None = None) -> None:
        self._tape = tape
        self.scratch = scratch or Scratch()
        self.kept: ByParameter = {}
        self._squares: ByParameter = {}
        self._keeping = Keeping(memory)
        # How often in this step a part was kept.
        self._times: dict[nn.Parameter | None, int] = {}
        if memory:
            tape.reached = self._reached

    def allow(self, memory: int, *, examples: int) -> None:
        """So much memory for the coming batch; what is recorded of the present one has its own."""
        if not self._tape.calls:
            self._keeping.begin(memory, examples=examples)
            self.scratch.drop(lambda place: self._keeping.drops(place[0]))

    def clear(self) -> None:
        """Forget the step."""
        self._tape.clear()
        self.kept, self._squares, self._times = {}, {}, {}

    @property
    def calls(self) -> list[Call]:
        return self._tape.calls

    @property
    def squares(self) -> list[Tensor]:
        """Squared norms of what is kept. Shapes: (B,) each."""
        return list(self._squares.values())

    def keep(self, part: Ruled | Differentiated) -> None:
        """Form every example's gradient; what several calls give one parameter adds up before its norm is taken."""
        key = next(iter(part.parameters.values()), None)
        self._times[key] = self._times.get(key, 0) + 1
        with self._tape.paused(), self.scratch.used((key, self._times[key])):
            found = part.each()
        for parameter, grad in found.items():
            self.kept[parameter] = self.kept[parameter] + grad if parameter in self.kept else grad
            self._squares[parameter] = row_squares(wide(self.kept[parameter]))

    def part_from(self, parameters: Iterable[nn.Parameter], lent: list[Tensor]) -> None:
        """What is kept of these has memory of its own, not that of tensors which will be overwritten."""
        places = {tensor.untyped_storage().data_ptr() for tensor in lent}
        for parameter in parameters:
            grad = self.kept.get(parameter)
            if grad is not None and grad.untyped_storage().data_ptr() in places:
                self.kept[parameter] = grad.clone()

    def rest(self) -> list[Ruled | Differentiated]:
        """Calls that the backward pass reached and of which nothing is formed."""
        return [part for call in self._tape.calls for part in _parts(call)]

    def _reached(self, call: Call, use: Use | None) -> None:
        """A backward pass has come by: form gradients now if that is the quickest way and there is memory."""
        part = _of_use(call, use) if use is not None else _of_call(call)
        call.part = part if use is None else None
        # To find out what is quickest may take as much memory as is kept.
        if not isinstance(part, Ruled) or not self._keeping.fits(part.size()) or not part.direct():
            return
        key = next(iter(part.parameters.values()))
        if not self._keeping.takes(key, part.size(), examples=part.batch, saves=part.saves()):
            return
        with torch.no_grad(), _without_autocast(part):
            self.keep(part)
        if use is not None:
            use.drop()
        else:
            call.drop()


def _without_autocast(part: Ruled) -> AbstractContextManager[Any]:
    """In the precision that things are in; to enter it costs as much as an operation."""
    kind = next(iter(part.parameters.values())).device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def _parts(call: Call) -> Iterator[Ruled | Differentiated]:
    if call.owner.runs:
        uses = [use for use in call.uses if use.g is not None]
        if uses:
            yield _of_uses(call, uses)
        return
    part = call.part or _of_call(call)
    if part is not None:
        yield part


def _of_use(call: Call, use: Use) -> Ruled | None:
    # Rows of a parameter would be padded to the whole of it.
    return _of_uses(call, [use]) if use.rows is None and use.bias_rows is None else None


def _of_uses(call: Call, uses: list[Use]) -> Ruled:
    if call.owner.rule is None:
        raise AssertionError("uses belong to a rule")
    names = {name for use in uses for name in (use.weight, use.bias)}
    parameters = {name: parameter for name, parameter in call.owner.parameters().items() if name in names}
    return Ruled(call.owner.rule, call.owner.module, parameters, uses, None, uses[0].batch)


def _of_call(call: Call) -> Ruled | Differentiated | None:
    grads, owner = call.grads or (), call.owner
    first = next((grad for grad in grads if grad is not None), None)
    if first is None:
        return None
    if owner.rule is None or any(grad is not None for grad in grads[1:]):
        # A rule reads the first output alone.
        return Differentiated(call, owner.parameters())
    axes, parameters = owner.axes_of(call.number), owner.parameters()
    x, g = _in_front(call.tensors()[0], axes.inputs[0]), _in_front(first, axes.outputs[0])
    kind = next(iter(parameters.values())).dtype
    # Under mixed precision both may be of half; norms and sums are made in single precision.
    if in_half(owner.rule, g, kind):
        # What the layer itself has multiplied.
        x = in_precision(x, g.dtype)
    else:
        x, g = wide(in_precision(x, kind)), wide(in_precision(g, kind))
    return Ruled(owner.rule, owner.module, parameters, x, g, len(g))


def _in_front(tensor: Tensor, axis: int | None) -> Tensor:
    """With the examples' axis first."""
    return tensor.movedim(axis, 0) if axis else tensor
