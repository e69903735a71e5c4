"""Normal draws made ahead, because small ones are nearly all overhead when each is made by itself."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.noise.gaussian import fill_single
from privet.noise.keystream import Fill

SIZE: Final = 1 << 14
# More than this is made as it is needed.
MOST: Final = 1 << 12


class NormalPool:
    """Standard normal draws in single precision, of which each is handed out once and then wiped.

    For threads of one process; it must not go on in a fork, because both would hand out the same.
    Shapes: ``take(size)`` gives (size,). Errors: InvalidParameter if ``size`` is negative or above ``MOST``.

    >>> from privet.noise.keystream import expansion
    >>> pool = NormalPool(expansion(bytes(32)))
    >>> pool.take(3).shape, bool((pool.take(3) == pool.take(3)).any())
    ((3,), False)
    """

    __slots__ = ("_at", "_fill", "_lock", "_made")

    def __init__(self, fill: Fill) -> None:
        self._fill, self._lock = fill, threading.Lock()
        self._made, self._at = np.empty(SIZE, np.float32), SIZE

    def take(self, size: int) -> NDArray[np.float32]:
        if not 0 <= size <= MOST:
            raise InvalidParameter(f"size is {size}; give a whole number from 0 to {MOST}")
        with self._lock:
            if self._at + size > SIZE:
                fill_single(self._made, stddev=1.0, fill=self._fill)
                self._at = 0
            part = self._made[self._at : self._at + size]
            self._at += size
            taken = part.copy()
            part.fill(0)
        return taken
