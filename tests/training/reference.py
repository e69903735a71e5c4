"""The plain slow version: one unit at a time, in Python floats."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from privet.training.linear import LabelledRows


def clipped_gradient_sum(weights: NDArray[np.float64], *, rows: LabelledRows, clip_norm: float) -> NDArray[np.float64]:
    units = range(len(rows)) if rows.units is None else rows.units.tolist()
    gradients: dict[int, NDArray[np.float64]] = {}
    for unit, x, y in zip(units, rows.features, rows.labels, strict=True):
        probability = 1 / (1 + math.exp(-float(x @ weights)))
        gradients[unit] = gradients.get(unit, np.zeros(len(weights))) + (probability - y) * x
    total = np.zeros(len(weights))
    for gradient in gradients.values():
        norm = float(np.linalg.norm(gradient))
        total += gradient * min(1.0, clip_norm / norm) if norm > 0 else 0.0
    return total
