"""A batch, or a part of one that fits in memory."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Examples that go through the module together.

    ``number`` is the batch's, from 0 on; ``last`` says that the batch's step follows. ``units`` numbers the unit of
    each example from 0 on, without gaps; None where each example is a unit of its own. Sizes are private.
    """

    number: int
    size: int
    last: bool
    units: Tensor | None
