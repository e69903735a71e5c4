"""What training releases: a model as plain numbers, that can be saved, compared and used anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.training.linear import probabilities

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Logistic weights over encoded rows; ``names`` says which weight belongs to which column."""

    weights: tuple[float, ...]
    names: tuple[str, ...]

    def positive_probability(self, rows: Floats) -> Floats:
        """P(label = 1) of each encoded row. Shapes: (n, d) to (n,)."""
        return probabilities(np.asarray(self.weights), features=rows)

    def predict(self, rows: Floats) -> NDArray[np.int64]:
        return np.asarray(self.positive_probability(rows) > 0.5, dtype=np.int64)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "logistic", "weights": list(self.weights), "names": list(self.names)}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> LogisticModel:
        return cls(tuple(body["weights"]), tuple(body["names"]))
