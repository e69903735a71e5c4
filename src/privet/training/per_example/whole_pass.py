"""Both passes of a module that is one chain, without autograd and tape."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from privet.training.per_example.clipping import ClippedSum, Factors, chain_sum_of
from privet.training.per_example.rules import chain
from privet.training.per_example.rules.chain import Seen
from privet.training.per_example.tape import Owner, Tape


class WholePass:
    """Runs once; then gives the clipped sum, or tells a tape what it saw where that takes more care."""

    __slots__ = ("_owner", "_seen")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._seen: list[Seen] = []

    def run(self, x: Tensor, slope: Callable[[Tensor], Tensor]) -> None:
        """``slope`` gives the gradient of the loss from the output, and leaves it to be overwritten."""
        out, way = chain.forward(self._owner.module._modules.items(), x, Seen)
        self._seen = [kept for _, kept in way if type(kept) is Seen]
        chain.backward(way, slope(out), below=False)

    def factored_sum(self, factors_of: Factors, *, scale: float) -> ClippedSum | None:
        """See ``clipping.factored_sum``; None where it takes more care. Gradients must be off."""
        for seen in self._seen:
            if seen.x.dim() != 2 or seen.x.dtype is not torch.float32:
                return None
        return chain_sum_of(self._seen, factors_of, scale=scale, own=True)

    def tell(self, tape: Tape) -> None:
        """As if the tape had been there; on the way back, last layers first."""
        with torch.no_grad():
            uses = tape.begin(self._owner)
            found = [(chain.Reporting(uses, seen.name, seen.module, seen.x), seen) for seen in self._seen]
            for reporting, seen in reversed(found):
                reporting.reach(seen.g)
