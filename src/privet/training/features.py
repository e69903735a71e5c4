"""From columns to rows of bounded norm, by public facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.bounds import Bounds, Categories, Interval
from privet.core.errors import InvalidParameter

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns columns into rows by stated bounds: nothing is learned from data, so encoding costs nothing.

    Numbers are moved into their bounds and scaled to [-1, 1]; categories become one-hot; a missing or unknown value
    is the middle of the bounds, or no category. Each row is scaled so that its norm, with a constant 1 for the
    intercept, is at most 1.

    >>> encoder = Encoder({"age": Interval(0, 100), "sex": Categories(("f", "m"))})
    >>> encoder.names
    ('age', 'sex=f', 'sex=m', 'intercept')
    """

    columns: Mapping[str, Bounds]

    def __post_init__(self) -> None:
        if not self.columns:
            raise InvalidParameter("there is no feature column; name at least one")
        wrong = [name for name, bounds in self.columns.items() if not isinstance(bounds, (Interval, Categories))]
        if wrong:
            raise InvalidParameter(f"feature {wrong[0]!r} needs an Interval or Categories")

    @property
    def names(self) -> tuple[str, ...]:
        named: list[str] = []
        for name, bounds in self.columns.items():
            named += [f"{name}={value}" for value in bounds.values] if isinstance(bounds, Categories) else [name]
        return (*named, "intercept")

    @property
    def max_row_norm(self) -> float:
        """No encoded row is longer than this."""
        return 1.0

    @property
    def unit(self) -> float:
        """What a number at the edge of its bounds, or a category that is there, is encoded as."""
        return float(1 / np.sqrt(len(self.columns) + 1))

    def encode(self, columns: Mapping[str, NDArray[Any]]) -> Floats:
        """Rows of the columns. Shapes: each column (n,); the result (n, len(names))."""
        parts = [self._encode(columns[name], bounds) for name, bounds in self.columns.items()]
        parts.append(np.ones((len(parts[0]), 1)))
        # Every number is at most 1 in size and every one-hot block has norm at most 1, so this bound holds for any row.
        encoded: Floats = np.hstack(parts) * self.unit
        return encoded

    def _encode(self, values: NDArray[Any], bounds: Bounds) -> Floats:
        if isinstance(bounds, Categories):
            text = np.asarray([str(value) for value in values], dtype=object)
            return np.stack([(text == value).astype(np.float64) for value in bounds.values], axis=1)
        if not isinstance(bounds, Interval):
            raise InvalidParameter("only numbers and categories can be encoded")
        numbers = np.asarray(values, dtype=np.float64)
        middle = (bounds.lower + bounds.upper) / 2
        inside = np.clip(
            np.nan_to_num(numbers, nan=middle, posinf=bounds.upper, neginf=bounds.lower), bounds.lower, bounds.upper
        )
        return ((inside - middle) / (bounds.width / 2))[:, None]
