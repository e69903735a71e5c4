"""Noise and clip norms that the loop changes as it goes, by the names that Opacus made known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from privet.core.errors import InvalidParameter
from privet.training.engine.optimizer import PrivateOptimizer


class _Scheduler(ABC):
    """Multiplies one number of the optimizer at each ``step()``.

    A changed noise multiplier is a new claim, so it works in loops without an account; with one, give ``make_private``
    a schedule of ``privet.training.schedules`` as its noise multiplier.
    """

    attribute = ""

    def __init__(self, optimizer: PrivateOptimizer, *, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, PrivateOptimizer):
            raise InvalidParameter("the optimizer must be the one that make_private gave back")
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self._start = getattr(optimizer, self.attribute)
        self.step()

    @abstractmethod
    def factor(self) -> float:
        """What the start is multiplied by, ``last_epoch`` steps after it."""

    def step(self) -> None:
        self.last_epoch += 1
        wanted = self._start * self.factor()
        if wanted != getattr(self.optimizer, self.attribute):
            setattr(self.optimizer, self.attribute, wanted)

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch, "start": self._start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last_epoch, self._start = int(state["last_epoch"]), float(state["start"])
        setattr(self.optimizer, self.attribute, self._start * self.factor())


class _Exponential(_Scheduler):
    def __init__(self, optimizer: PrivateOptimizer, *, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch=last_epoch)

    def factor(self) -> float:
        return float(self.gamma**self.last_epoch)


class _Stepped(_Scheduler):
    def __init__(self, optimizer: PrivateOptimizer, *, step_size: int, gamma: float, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch=last_epoch)

    def factor(self) -> float:
        return float(self.gamma ** (self.last_epoch // self.step_size))


class _Lambda(_Scheduler):
    def __init__(
        self, optimizer: PrivateOptimizer, *, scheduler_function: Callable[[int], float], last_epoch: int = -1
    ) -> None:
        self.scheduler_function = scheduler_function
        super().__init__(optimizer, last_epoch=last_epoch)

    def factor(self) -> float:
        return float(self.scheduler_function(self.last_epoch))


class ExponentialNoise(_Exponential):
    """Noise multiplier times ``gamma`` at each step of the scheduler."""

    attribute = "noise_multiplier"


class StepNoise(_Stepped):
    """Noise multiplier times ``gamma`` every ``step_size`` steps of the scheduler."""

    attribute = "noise_multiplier"


class LambdaNoise(_Lambda):
    """Noise multiplier times what ``scheduler_function`` says of the scheduler's steps."""

    attribute = "noise_multiplier"


class ExponentialGradClip(_Exponential):
    """Clip norm times ``gamma`` at each step of the scheduler."""

    attribute = "max_grad_norm"


class StepGradClip(_Stepped):
    """Clip norm times ``gamma`` every ``step_size`` steps of the scheduler."""

    attribute = "max_grad_norm"


class LambdaGradClip(_Lambda):
    """Clip norm times what ``scheduler_function`` says of the scheduler's steps."""

    attribute = "max_grad_norm"
