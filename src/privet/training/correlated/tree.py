"""Tree aggregation: every prefix sum has the noise of a few dyadic blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privet.core.errors import InvalidParameter
from privet.training.correlated.strategy import Participation


@dataclass(frozen=True, slots=True)
class TreeAggregation:
    """Sums over dyadic blocks of steps get noise; a prefix sum adds up the blocks that make it.

    Each step needs one new block, the largest that ends with it, so one draw of noise. Memory: a noise for each of
    log2(steps) + 1 levels.
    Errors: InvalidParameter. Reference: Dwork, Naor, Pitassi & Rothblum 2010; Kairouz et al. 2021 (DP-FTRL).

    >>> round(TreeAggregation(steps=4).sensitivity(Participation(1, 1)) ** 2, 6)
    3.0
    """

    steps: int

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidParameter(f"steps is {self.steps}; give a whole number of at least 1")

    @property
    def levels(self) -> int:
        return self.steps.bit_length()

    def sensitivity(self, participation: Participation) -> float:
        """A step is in one block of each level at most; a block of m steps holds at most ceil(m / apart) of a unit's.

        So squares of the numbers in blocks add up to at most most * min(most, ceil(m / apart)) for each level.
        """
        most = len(participation.after(self.steps))
        held = [min(most, math.ceil(2**level / participation.apart)) for level in range(self.levels)]
        return math.sqrt(most * sum(held))

    def root_mean_square_error(self, participation: Participation) -> float:
        blocks = np.array([step.bit_count() for step in range(1, self.steps + 1)])
        return self.sensitivity(participation) * math.sqrt(blocks.mean())

    def greatest_error(self, participation: Participation) -> float:
        blocks = max(step.bit_count() for step in range(1, self.steps + 1))
        return self.sensitivity(participation) * math.sqrt(blocks)

    def start(self, size: int, *, device: Any) -> TreeNoise:
        return TreeNoise(self.levels, size=size, device=device)


class TreeNoise:
    """A step's noise is that of its new block less that of the blocks that it takes the place of."""

    def __init__(self, levels: int, *, size: int, device: Any) -> None:
        self._blocks = torch.zeros(levels, size, device=device)
        self._step = 0

    def next(self, fresh: Tensor) -> Tensor:
        """The step's noise, in memory of its own."""
        self._step += 1
        level = (self._step & -self._step).bit_length() - 1
        made = fresh - self._blocks[:level].sum(0)
        self._blocks[:level] = 0
        self._blocks[level] = fresh
        return made

    def state_dict(self) -> dict[str, Any]:
        return {"blocks": self._blocks.clone(), "step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._blocks.copy_(state["blocks"])
        self._step = int(state["step"])
