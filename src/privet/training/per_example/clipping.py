"""Clipped sums: every example's gradient scaled down to a norm, whatever the example holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from privet.training.per_example import differentiate
from privet.training.per_example.rule import Rule, in_precision, only, squared_norms, weighted_sum, wide
from privet.training.per_example.scratch import Scratch
from privet.training.per_example.tape import Call, Tape

# Bytes that kept gradients of single examples may take.
MEMORY = 1 << 30

Named: TypeAlias = dict[str, nn.Parameter]
ByParameter: TypeAlias = dict[nn.Parameter, Tensor]
Factors: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class ClippedSum:
    """``sums`` of the clipped gradients by parameter (none for one not used), ``norms`` before clipping (B,)."""

    sums: ByParameter
    norms: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Ruled:
    """A call that a rule reads: batches in front."""

    rule: Rule
    module: nn.Module
    parameters: Named
    x: Any
    g: Any

    def squares(self) -> Tensor:
        return self.rule.squared_norms(self.module, self.x, self.g)

    def each(self) -> ByParameter:
        grads = self.rule.per_example(self.module, self.x, self.g)
        return {self.parameters[name]: grad for name, grad in grads.items()}

    def size(self) -> int:
        """Bytes of every example's gradient."""
        one = [int(p.numel()) * int(p.element_size()) for p in self.parameters.values()]
        return len(self.g) * sum(one)

    def direct(self) -> bool:
        return self.rule.direct(self.x, self.g)

    def weighted(self, factors: Tensor, good: Tensor | None) -> ByParameter:
        x, g = (self.x, self.g) if good is None else self.rule.left_out(self.x, self.g, good)
        totals = self.rule.weighted(self.module, x, g, factors)
        return {self.parameters[name]: total for name, total in totals.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Differentiated:
    """A call whose module is differentiated once more."""

    call: Call
    parameters: Named

    def each(self) -> ByParameter:
        return {self.parameters[name]: grad for name, grad in differentiate.per_example(self.call).items()}


def clipped_sum(tape: Tape, *, clip_norm: float, scale: float = 1.0, memory: int = MEMORY) -> ClippedSum:
    """Sum of the recorded examples' gradients, each scaled down to a norm of at most ``clip_norm``.

    Guarantee: one example, added or removed, changes the sums by at most ``clip_norm`` in L2 norm over all parameters
    together, whatever it holds; one whose gradient is not finite contributes zero and harms no other.
    ``scale`` turns recorded gradients into those of single losses: the batch's size where the loss was a mean.
    ``memory`` in bytes may be taken by gradients of single examples that are kept; it changes speed, not results.
    Reference: Abadi et al. 2016, Algorithm 1; Bu, Wang, Zha & Karypis 2023 (one backward pass).
    """
    return factored_sum(tape, partial(clip_factors, clip_norm=clip_norm), scale=scale, memory=memory)


def factored_sum(
    tape: Tape, factors_of: Factors, *, scale: float = 1.0, memory: int = MEMORY, scratch: Scratch | None = None
) -> ClippedSum:
    """Sum of the recorded examples' gradients, each multiplied by what ``factors_of`` says of their norms.

    Guarantee: that of the factors, which must be zero for a norm that is not finite. Shapes: (B,) to (B,).
    ``scratch`` is memory of earlier steps to work in.
    """
    with tape.paused(), torch.no_grad(), (scratch or Scratch()).used():
        calls = _read(tape)
        ruled = _quick(calls, memory)
        quick = set(map(id, ruled))
        kept = _added([call.each() for call in calls if id(call) not in quick])
        squares = [call.squares() for call in ruled]
        if kept:
            squares.append(squared_norms({str(i): grad for i, grad in enumerate(kept.values())}))
        norms = torch.stack(squares).sum(0).sqrt() * scale if squares else torch.zeros(0)
        if ruled and not bool(norms.isfinite().all()):
            # Shorter ways to a norm may overflow where the gradient itself does not.
            return _summed_plainly(calls, factors_of, scale)
        return ClippedSum(_sums(ruled, kept, factors_of(norms) * scale), norms)


def _summed_plainly(calls: list[_Ruled | _Differentiated], factors_of: Factors, scale: float) -> ClippedSum:
    """By the definition, with every example's gradient in memory at once."""
    grads = _added([call.each() for call in calls])
    norms = squared_norms({str(i): grad for i, grad in enumerate(grads.values())}).sqrt() * scale
    return ClippedSum(_sums([], grads, factors_of(norms) * scale), norms)


def _quick(calls: list[_Ruled | _Differentiated], memory: int) -> list[_Ruled]:
    """Calls whose examples' gradients are not formed: for want of need, or of memory. The others' must be added up."""
    uses = Counter(parameter for call in calls for parameter in call.parameters.values())
    found, left = [], memory
    for call in calls:
        if not isinstance(call, _Ruled) or max(uses[p] for p in call.parameters.values()) > 1:
            continue
        if call.direct() and call.size() <= left:
            left -= call.size()
        else:
            found.append(call)
    return found


def grads_of_examples(tape: Tape) -> ByParameter:
    """Every recorded example's gradient by parameter, as it is. Shapes: (B, *parameter)."""
    with tape.paused(), torch.no_grad():
        return _added([call.each() for call in _read(tape)])


def clip_factors(norms: Tensor, *, clip_norm: float) -> Tensor:
    """min(1, C / norm) for each example; zero for one whose norm is not finite.

    >>> clip_factors(torch.tensor([0.5, 4.0, float("nan")]), clip_norm=1.0)
    tensor([1.0000, 0.2500, 0.0000])
    """
    limit = clip_norm * (1 - 1e-6)  # rounding of the sums must not carry an example above the clip
    factors = (limit / norms.clamp_min(torch.finfo(norms.dtype).tiny)).clamp_max(1.0)
    return torch.where(norms.isfinite(), factors, torch.zeros_like(factors))


def _read(tape: Tape) -> list[_Ruled | _Differentiated]:
    """Calls that the backward pass reached."""
    found: list[_Ruled | _Differentiated] = []
    for call in tape.calls:
        if call.owner.runs:
            uses = [use for use in call.uses if use.g is not None]
            if uses and call.owner.rule is not None:
                found.append(_Ruled(call.owner.rule, call.owner.module, call.owner.parameters(), uses, None))
            continue
        grads = [grad for grad in call.grads or () if grad is not None]
        owner = call.owner
        if not grads:
            continue
        further = (call.grads or ())[1:]
        if owner.rule is None or any(grad is not None for grad in further):
            # A rule reads the first output alone; the last states of a recurrent layer are another.
            found.append(_Differentiated(call, owner.parameters()))
            continue
        axes = owner.axes_of(call.number)
        x, g = call.tensors()[0].movedim(axes.inputs[0] or 0, 0), grads[0].movedim(axes.outputs[0] or 0, 0)
        kind = next(iter(owner.parameters().values())).dtype
        x, g = owner.rule.prepare(owner.module, in_precision(x, kind), in_precision(g, kind))
        # Under mixed precision both may be of half; norms and sums are made in single precision.
        x, g = wide(x), wide(g)
        found.append(_Ruled(owner.rule, owner.module, owner.parameters(), x, g))
    return found


def _added(parts: list[ByParameter]) -> ByParameter:
    """What several calls give one parameter adds up before its norm is taken."""
    made: ByParameter = {}
    for part in parts:
        for parameter, grad in part.items():
            made[parameter] = made[parameter] + grad if parameter in made else grad
    return made


def _sums(ruled: list[_Ruled], kept: ByParameter, factors: Tensor) -> ByParameter:
    good = factors > 0
    bad_ones = None if bool(good.all()) else good
    sums = {
        parameter: weighted_sum(grad if bad_ones is None else only(grad, good), factors)
        for parameter, grad in kept.items()
    }
    for call in ruled:
        sums |= call.weighted(factors, bad_ones)
    return sums
