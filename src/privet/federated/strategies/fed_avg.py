"""Federated averaging: the new model is the old one plus the weighted mean of the sites' updates.

Reference: McMahan, Moore, Ramage, Hampson & Aguera y Arcas 2017, Algorithm 1, with every site in every round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privet.federated.algorithm import Floats, ServerState


@dataclass(frozen=True, slots=True)
class FedAvg:
    """Adds the mean update.

    >>> state = STRATEGY.init(2)
    >>> STRATEGY.round(state, mean_update=np.array([1.0, 2.0])).weights
    array([1., 2.])
    """

    name: str = "federated averaging"

    def init(self, dimension: int) -> ServerState:
        return ServerState(np.zeros(dimension))

    def round(self, state: ServerState, *, mean_update: Floats) -> ServerState:
        return ServerState(state.weights + mean_update, state.rounds + 1, state.extra)


STRATEGY = FedAvg()
