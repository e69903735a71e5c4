"""Numbers that change from step to step as was said before the first one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from privet.core.errors import InvalidParameter


@runtime_checkable
class Schedule(Protocol):
    """A public function of the number of steps that have run."""

    def at(self, step: int) -> float: ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The same at every step."""

    value: float

    def at(self, step: int) -> float:
        return self.value


@dataclass(frozen=True, slots=True)
class Exponential:
    """``start`` times ``gamma`` to the power of how often ``every`` steps have run.

    >>> [Exponential(1.0, gamma=0.5, every=2).at(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    start: float
    gamma: float
    every: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.gamma < math.inf:
            raise InvalidParameter(f"gamma is {self.gamma}; give a finite number above 0")
        if self.every < 1:
            raise InvalidParameter(f"every is {self.every}; give a whole number of steps of at least 1")

    def at(self, step: int) -> float:
        return float(self.start * self.gamma ** (step // self.every))


@dataclass(frozen=True, slots=True)
class Lambda:
    """``start`` times what a function of the step says; the function must not look at data.

    >>> Lambda(2.0, lambda step: 1 / (1 + step)).at(1)
    1.0
    """

    start: float
    function: Callable[[int], float]

    def at(self, step: int) -> float:
        return float(self.start * self.function(step))


def runs(schedule: Schedule, steps: int) -> list[tuple[float, int]]:
    """Values with how many steps in a row have them.

    >>> runs(Exponential(1.0, gamma=0.5, every=3), 4)
    [(1.0, 3), (0.5, 1)]
    """
    if isinstance(schedule, Constant):
        return [(schedule.value, steps)] if steps else []
    found: list[tuple[float, int]] = []
    for step in range(steps):
        value = schedule.at(step)
        if found and found[-1][0] == value:
            found[-1] = (value, found[-1][1] + 1)
        else:
            found.append((value, 1))
    return found
