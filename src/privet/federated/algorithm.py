"""A federated algorithm as a pure pair: how the server begins, and what a round makes of its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the server holds between rounds. ``extra`` belongs to the strategy."""

    weights: Floats
    rounds: int = 0
    extra: dict[str, Floats] = field(default_factory=dict)


class Strategy(Protocol):
    """A strategy knows only the weighted mean of the sites' updates, which is all that a secure sum gives it."""

    name: str

    def init(self, dimension: int) -> ServerState: ...

    def round(self, state: ServerState, *, mean_update: Floats) -> ServerState: ...
