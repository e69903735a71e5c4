"""Running a trainer in the laboratory, and what is seen of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.audit.conformance.trainer import Job, Step, Train, Trainer
from privet.core.errors import InvalidParameter

Series = NDArray[np.float64]


class TrainerStopped(InvalidParameter):
    """The trainer under test raised an error; ``kind`` is its class."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What the steps of a run gave.

    ``sums`` are the noisy sums by the parameters' names, which means times the stated divisor is: (steps, *shape).
    ``clip_norms`` and ``multipliers`` are those of the steps: (steps,).
    """

    job: Job
    sums: dict[str, Series]
    clip_norms: Series
    multipliers: Series
    accounted: tuple[int | None, ...]

    def __len__(self) -> int:
        return len(self.clip_norms)

    def flat(self) -> Series:
        """All parameters in one piece. Shapes: (steps, size)."""
        return np.concatenate([part.reshape(len(self), -1) for part in self.sums.values()], axis=1)


def observe(trainer: Trainer, job: Job, *, train: Train | None = None) -> Observed:
    """Run the trainer on the job; what it gives beyond twice the planned steps is not waited for.

    Errors: TrainerStopped if it raises; InvalidParameter if a step lacks a parameter.
    """
    steps = list(_steps(trainer, job, train or trainer.train))
    plan = job.plan
    return Observed(
        job=job,
        sums={
            name: np.stack([_gradient(step, name, tuple(p.shape)) for step in steps]) * plan.expected_batch_size
            if steps
            else np.zeros((0, *p.shape))
            for name, p in job.module.named_parameters()
            if p.requires_grad
        },
        clip_norms=np.array([plan.clip_norm if s.clip_norm is None else s.clip_norm for s in steps]),
        multipliers=np.array(
            [plan.noise_multiplier if s.noise_multiplier is None else s.noise_multiplier for s in steps]
        ),
        accounted=tuple(step.accounted for step in steps),
    )


def _steps(trainer: Trainer, job: Job, train: Train) -> Iterable[Step]:
    try:
        yield from itertools.islice(train(job), 2 * job.plan.steps)
    except Exception as error:
        # Laboratory data belong to nobody, so the text of an error may be shown.
        kind = type(error).__name__
        raise TrainerStopped(f"trainer {trainer.name!r} stopped with {kind}: {error}", kind=kind) from error


def _gradient(step: Step, name: str, shape: tuple[int, ...]) -> Series:
    if name not in step.gradients:
        raise InvalidParameter(f"a step has no gradient of parameter {name!r}; give that of every trained parameter")
    found = np.asarray(step.gradients[name], dtype=np.float64)
    if found.shape != shape:
        raise InvalidParameter(f"a step's gradient of {name!r} has shape {found.shape}; the parameter's is {shape}")
    return found
