"""Every site and the server in one process, exchanging the messages they would exchange over a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.core.protocols import NoiseSource
from privet.federated.algorithm import Floats, Strategy
from privet.federated.privacy import FederatedPlan
from privet.secure.protocol import SecureSum
from privet.training.descent import Descent, advance, learning_rate, noisy_gradient
from privet.training.linear import LabelledRows
from privet.training.plan import FullBatchPlan

# An update of a round is at most this long in any coordinate; what is longer is moved to it (post-processing).
UPDATE_LIMIT = 64.0


@dataclass(slots=True)
class Site:
    """One site: its rows, which never leave it, and its momentum, which it keeps from round to round."""

    name: str
    rows: LabelledRows
    plan: FullBatchPlan
    velocity: Floats

    def step(self, weights: Floats, *, noise: NoiseSource, rate: float) -> Floats:
        """One local noisy step from the given weights."""
        gradient = noisy_gradient(weights, rows=self.rows, plan=self.plan, noise=noise)
        state = Descent(weights, self.velocity, weights)
        moved = advance(state, gradient=gradient, learning_rate=rate, averaging=False)
        self.velocity = moved.velocity
        return moved.weights


@dataclass(frozen=True, slots=True)
class Trained:
    """What a job made: private until the gate releases it. ``bytes_up`` is one site's upload in one round."""

    weights: Floats
    bytes_up: int


def make_sites(rows: LabelledRows, *, plan: FederatedPlan, site_of: NDArray[np.int64]) -> list[Site]:
    """Give every site its own rows. Each unit must be at exactly one site, which the caller guarantees."""
    dimension = rows.features.shape[1]
    return [
        Site(name, rows.select(site_of == number), plan.site_plan(number), np.zeros(dimension))
        for number, name in enumerate(plan.sites)
    ]


def simulate(
    sites: list[Site],
    *,
    plan: FederatedPlan,
    strategy: Strategy,
    steps: Iterator[NoiseSource],
    max_row_norm: float,
    secure_sum: bool,
) -> Trained:
    """Run every round of a plan. Released weights are the mean over the second half of the rounds.

    All sites take each local step together, because one permit covers one step at every site.
    """
    dimension = sites[0].rows.features.shape[1]
    adder = SecureSum(plan.sites, job=plan.name, size=dimension, limit=UPDATE_LIMIT) if secure_sum else None
    state, rate, kept = strategy.init(dimension), learning_rate(max_row_norm), []
    for number in range(plan.rounds):
        local = {site.name: state.weights for site in sites}
        for _ in range(plan.local_steps):
            noise = next(steps)
            local = {site.name: site.step(local[site.name], noise=noise, rate=rate) for site in sites}
        updates = {
            site.name: share * (local[site.name] - state.weights)
            for site, share in zip(sites, plan.shares, strict=True)
        }
        total = adder.sum(updates) if adder is not None else np.sum(list(updates.values()), axis=0)
        state = strategy.round(state, mean_update=total)
        if number >= plan.rounds // 2:
            kept.append(state.weights)
    return Trained(np.mean(kept, axis=0), adder.bytes_per_party if adder is not None else 8 * dimension)
