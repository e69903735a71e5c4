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
        self._seen: list[tuple[str, Seen]] = []

    def run(self, x: Tensor, slope: Callable[[Tensor], Tensor]) -> None:
        """``slope`` gives the gradient of the loss from the output, and leaves it to be overwritten."""
        out, way = chain.forward(list(self._owner.module._modules.items()), x, self._see)
        chain.backward(way, slope(out), below=False)

    def factored_sum(self, factors_of: Factors, *, scale: float) -> ClippedSum | None:
        """See ``clipping.factored_sum``; None where it takes more care. Gradients must be off."""
        seen = [one for _, one in self._seen]
        for one in seen:
            if one.x.dim() != 2 or one.x.dtype is not torch.float32:
                return None
        return chain_sum_of(seen, factors_of, scale=scale, own=True)

    def tell(self, tape: Tape) -> None:
        """As if the tape had been there; on the way back, last layers first."""
        with torch.no_grad():
            uses = tape.begin(self._owner)
            found = [(chain.Reporting(uses, name, one.module, one.x), one) for name, one in self._seen]
            for reporting, one in reversed(found):
                reporting.reach(one.slope())

    def _see(self, name: str, module: torch.nn.Module, x: Tensor) -> Seen:
        seen = Seen(module, x)
        self._seen.append((name, seen))
        return seen
