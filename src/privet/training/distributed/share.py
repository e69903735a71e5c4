"""Which units of a batch are a rank's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Share:
    """Every ``count``-th unit of a batch, from number ``rank`` on; together the ranks have each unit once.

    ``even`` asks every rank for as many pieces of a batch as any rank has, where passes through the module must keep
    step; ``begin`` is then told the size of pieces before each epoch.

    >>> [Share(rank, 2).of(np.arange(5)).tolist() for rank in (0, 1)]
    [[0, 2, 4], [1, 3]]
    """

    rank: int
    count: int
    even: bool = False
    begin: Callable[[int | None], None] | None = None

    def of(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        return units[self.rank :: self.count]

    def all(self, units: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The shares of every rank, in order."""
        return [units[rank :: self.count] for rank in range(self.count)]
