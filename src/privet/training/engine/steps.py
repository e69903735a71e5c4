"""A claim at work under a user's loop: noise for each step, and another claim when one without an end is used up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from privet.core.errors import PermitError
from privet.core.protocols import NoiseSource
from privet.ledger.gate import Run
from privet.noise.sampling import KEY_BYTES


class Steps:
    """Hands out the noise of one step after another.

    ``open_run`` begins a claim. With ``renew`` another is begun when one is used up: for an account of this process
    alone, which guards nothing; else the plan's end is the end.
    """

    def __init__(self, open_run: Callable[[], Run[Any]], *, renew: bool) -> None:
        self._open, self._renew = open_run, renew
        self._run = open_run().__enter__()
        self._noise: Iterator[NoiseSource] = self._run.steps()
        self._ready: NoiseSource | None = next(self._noise)
        self.sampler_key = self._ready.random_bytes(KEY_BYTES)
        self.done = 0

    @property
    def run(self) -> Run[Any]:
        return self._run

    def next(self) -> NoiseSource:
        """The noise of the next step: one draw is left in it. Errors: PermitError at the end of the plan."""
        noise, self._ready = self._ready, None
        if noise is None:
            noise = self._following()
            noise.random_bytes(KEY_BYTES)
        self.done += 1
        return noise

    def _following(self) -> NoiseSource:
        try:
            return next(self._noise)
        except StopIteration:
            pass
        if not self._renew:
            raise PermitError(
                f"all {self.done} steps that were paid for have run; release the model, or plan more epochs"
            )
        self._run.release("steps of a loop without a stated end")
        self._run = self._open().__enter__()
        self._noise = self._run.steps()
        return next(self._noise)
