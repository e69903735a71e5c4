"""Membership by loss: a model fits what it was trained on better than what it never saw.

Reference: Yeom, Giacomelli, Fredrikson & Jha 2018, Adversary 1. It is the simplest attack, and a weak one: a low score
is no proof of safety, and the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Classifier(Protocol):
    """Anything that gives the probability of class 1 for each row."""

    def positive_probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True)
class LossThreshold:
    """Scores a row by minus its cross-entropy loss under the attacked model.

    Shapes: ``rows`` (n, d), ``labels`` (n,) of 0 and 1; the scores (n,), in nats, are at most 0.
    """

    name: str = "loss threshold"
    knowledge: str = "black box: the model's probabilities, and the true label of the person"

    def score(self, model: Classifier, *, rows: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """The score of each row; higher means more likely a member."""
        probability = np.clip(model.positive_probability(rows), 1e-12, 1 - 1e-12)
        return np.asarray(np.where(labels == 1, np.log(probability), np.log1p(-probability)), dtype=np.float64)


ATTACK = LossThreshold()
