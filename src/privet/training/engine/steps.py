"""A claim at work under a user's loop: noise for each step, and another claim when one without an end is used up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol, Self

from privet.core.errors import InvalidParameter, PermitError
from privet.core.events import Composed, Event
from privet.core.protocols import NoiseSource
from privet.noise.sampling import KEY_BYTES
from privet.training.noise_law import remembers
from privet.training.training_plan import TrainingPlan


class ClaimAtWork(Protocol):
    """A run of the gate, or one that several processes share."""

    @property
    def claim(self) -> str: ...

    @property
    def steps_done(self) -> int: ...

    def __enter__(self) -> Self: ...

    def steps(self) -> Iterator[NoiseSource]: ...

    def release(self, value: Any) -> Any: ...


OpenRun = Callable[[TrainingPlan], ClaimAtWork]


class Steps:
    """Hands out the noise of one step after another.

    ``open_run`` begins a claim. On an account of the loop's ``own`` another is begun when the noise changes, and for an
    ``endless`` loop when one is used up; else the plan's end is the end. ``done`` counts the steps of all claims,
    ``history`` is what those before the present one cost.
    """

    def __init__(self, open_run: OpenRun, plan: TrainingPlan, *, own: bool, endless: bool) -> None:
        self._open, self.own, self._endless = open_run, own, endless
        self.plan = plan
        self.history: list[Event] = []
        self.sampler_key: bytes | None = None
        self._ready: NoiseSource | None = None
        self._lost = 0
        self._begin()
        self.done = self._run.steps_done

    @property
    def run(self) -> ClaimAtWork:
        return self._run

    @property
    def event(self) -> Event:
        """What has happened so far."""
        return Composed([*self.history, self.plan.event_after(self._of_claim)])

    def key(self) -> bytes:
        """32 bytes for the sampler, from the first step's noise."""
        if self.sampler_key is None:
            self._ready = self._following()
            self.sampler_key = self._ready.random_bytes(KEY_BYTES)
        return self.sampler_key

    def next(self, *, number: int | None) -> NoiseSource:
        """The noise of the next step, on batch ``number``: one draw is left in it.

        Where a batch depends on those before it, one that was skipped counts as a step.
        Errors: PermitError at the end of the plan.
        """
        while number is not None and self._remembers and self.done - self._lost < number:
            self._one().random_bytes(KEY_BYTES)
        return self._one()

    def change(self, plan: TrainingPlan) -> None:
        """Go on with another plan.

        Errors: InvalidParameter if the plan was paid for as it is, or deals with units for an epoch that is not over:
        with other noise in its second half, a unit could take part twice in steps that are paid for once.
        """
        if not self.own:
            raise InvalidParameter(
                "the noise of a plan that an account has paid for cannot change; give make_private a schedule as "
                "noise_multiplier"
            )
        epoch = self.plan.sampling.steps_per_epoch
        if self._remembers and self.done % epoch:
            raise InvalidParameter(
                f"{self.done % epoch} of the {epoch} steps of an epoch have run, for all of which units were drawn; "
                "change the noise between epochs"
            )
        left = plan.steps if self._endless else self.plan.steps - self._of_claim
        if not left:
            raise PermitError(f"all {self.done} steps that were planned have run; plan more epochs")
        self._close()
        self.plan = replace(plan, steps=left)
        self._begin()

    def restore(self, *, done: int, history: list[Event], key: bytes | None, again: bool) -> None:
        """Go on where an earlier process stopped: what it did is counted, and its sampler goes on.

        A claim that is resumed counts its own steps, which may be more than were saved: those that a crash lost.
        ``again`` says that their batches come once more.
        """
        if self.own:
            self.history, self.done = history + self.history, done
        self._lost = self.done - done if again else 0
        self.sampler_key = key

    @property
    def _remembers(self) -> bool:
        return remembers(self.plan.sampling, self.plan.steps)

    def _one(self) -> NoiseSource:
        noise, self._ready = self._ready, None
        if noise is None:
            noise = self._following()
            noise.random_bytes(KEY_BYTES)
        self.done += 1
        self._of_claim += 1
        return noise

    def _following(self) -> NoiseSource:
        try:
            return next(self._noise)
        except StopIteration:
            pass
        if not self._endless:
            raise PermitError(
                f"all {self.done} steps that were paid for have run; release the model, or plan more epochs"
            )
        self._close()
        self._begin()
        return next(self._noise)

    def _begin(self) -> None:
        self._run = self._open(self.plan).__enter__()
        self._noise: Iterator[NoiseSource] = self._run.steps()
        self._of_claim = self._run.steps_done

    def _close(self) -> None:
        if self._ready is not None:
            # Every declared draw is made, so that the claim can be closed.
            self._ready.random_bytes(KEY_BYTES)
            self._ready = None
        self._run.release("steps of a loop without a stated end")
        self.history.append(self.plan.event_after(self._of_claim))
