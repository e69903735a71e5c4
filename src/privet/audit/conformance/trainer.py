"""What a trainer under test is: a function that trains, and what its accounting takes for granted."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import TensorDataset

from privet.core.errors import InvalidParameter
from privet.core.neighbours import Relation


class StatedSampling(enum.StrEnum):
    """Who takes part in which step, as the accounting of a trainer has it.

    POISSON:                every unit takes part in every step by a coin of its own.
    BALLS_IN_BINS:          every unit takes part in one step of each epoch, drawn for it alone.
    ONCE_AN_EPOCH:          every unit takes part in one step of each epoch at most.
    SAME_STEP_EACH_EPOCH:   the same, and always in the same step of an epoch.
    EVERY_STEP:             every unit may take part in every step.
    """

    POISSON = "poisson"
    BALLS_IN_BINS = "balls-in-bins"
    ONCE_AN_EPOCH = "once-an-epoch"
    SAME_STEP_EACH_EPOCH = "same-step-each-epoch"
    EVERY_STEP = "every-step"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedPlan:
    """What a trainer is asked to do, and what its accounting is told.

    ``rate`` is the chance of a unit to take part in a step, or the share of units in one; ``clip_norm`` bounds what a
    unit adds to the sum of a step, in the unit of the gradient; ``noise_multiplier`` is the noise's standard deviation
    on that sum over its sensitivity, which is the clip norm, or twice that where a unit is exchanged for another; the
    noisy sum is divided by ``expected_batch_size``, a public constant.
    """

    rate: float
    clip_norm: float
    noise_multiplier: float
    steps: int
    expected_batch_size: float

    @property
    def steps_per_epoch(self) -> int:
        """
        >>> StatedPlan(rate=0.25, clip_norm=1, noise_multiplier=1, steps=8, expected_batch_size=4).steps_per_epoch
        4
        """
        return math.ceil(1 / self.rate - 1e-9)

    @property
    def units(self) -> int:
        """The public number of units: those expected in a step, over the rate. In the data there may be others."""
        return round(self.expected_batch_size / self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training run of the laboratory: train ``module`` on ``dataset`` by ``plan``.

    ``criterion(module(x), y)`` is the mean of the single examples' losses; it has a ``reduction``, as PyTorch's have.
    ``owners`` numbers the unit that each row of the data set belongs to, from 0 on.
    """

    module: nn.Module
    dataset: TensorDataset
    criterion: nn.Module
    plan: StatedPlan
    owners: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step gave to the optimizer: the noisy mean gradient by the parameters' names.

    ``clip_norm`` and ``noise_multiplier``, as the accounting has them, where they are not the plan's; ``accounted`` is
    the number of steps that the accounting has counted once this one is done, where it can be asked.
    """

    gradients: Mapping[str, NDArray[Any]]
    clip_norm: float | None = None
    noise_multiplier: float | None = None
    accounted: int | None = None

    @classmethod
    def read(cls, module: nn.Module, **further: Any) -> Step:
        """From the ``grad`` of the module's parameters, as they are now; zeros where there is none.

        >>> Step.read(nn.Linear(1, 1, bias=False)).gradients["weight"].tolist()
        [[0.0]]
        """
        return cls(gradients=gradients_of(module), **further)


def gradients_of(module: nn.Module) -> dict[str, NDArray[Any]]:
    """A copy of the ``grad`` of every trained parameter; zeros where there is none."""
    return {
        name: np.zeros(tuple(p.shape)) if p.grad is None else p.grad.detach().double().cpu().numpy().copy()
        for name, p in module.named_parameters()
        if p.requires_grad
    }


Train = Callable[[Job], Iterable[Step]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """A trainer under test.

    ``train`` makes one step of training for each ``Step`` that it gives, and ends after the plan's last.
    ``interrupted``, if it is given, trains half the plan, saves, goes on to the end, then goes on once more from what
    it saved; it gives the steps of all three parts. ``mixing`` is for noise that is correlated between steps: for a
    number of steps, the lower triangular matrix that turns independent noises into those of the steps.
    Errors: InvalidParameter.
    """

    name: str
    train: Train
    sampling: StatedSampling
    relation: Relation
    rows_per_unit: int = 1
    interrupted: Train | None = None
    mixing: Callable[[int], NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        if self.rows_per_unit < 1:
            raise InvalidParameter(f"rows_per_unit is {self.rows_per_unit}; give a whole number of at least 1")
        if self.mixing is not None and self.sampling not in (
            StatedSampling.EVERY_STEP,
            StatedSampling.SAME_STEP_EACH_EPOCH,
        ):
            raise InvalidParameter(
                f"correlated noise cannot be checked under {self.sampling} sampling, where a unit's steps may lie "
                f"anywhere; use {StatedSampling.EVERY_STEP} or {StatedSampling.SAME_STEP_EACH_EPOCH}"
            )
