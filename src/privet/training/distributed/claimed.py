"""One claim for all ranks: the first holds it, and tells the others the draws of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import PermitError
from privet.noise.sampling import KEY_BYTES
from privet.training.distributed.ranks import Ranks
from privet.training.training_plan import TrainingPlan

OpenRun = Callable[[TrainingPlan], Any]


class SharedRun:
    """A claim at work, as every rank sees it.

    Guarantee: the first rank reserves and draws; the others learn each step's draws and nothing else, so that all count
    the same steps and none has noise that was not paid for. ``release`` is made by the first rank, and None elsewhere.
    Errors: those of the first rank, on every rank.
    """

    def __init__(self, ranks: Ranks, plan: TrainingPlan, open_run: OpenRun | None) -> None:
        self._ranks, self._plan, self._open = ranks, plan, open_run
        self._run: Any = None
        self.claim = ""
        self.steps_done = 0

    def __enter__(self) -> Self:
        self.claim, self.steps_done = self._ranks.told("the claim", self._begin)
        return self

    def _begin(self) -> tuple[str, int]:
        if self._open is not None:
            self._run = self._open(self._plan).__enter__()
            self._steps = self._run.steps()
        return self._run.claim, self._run.steps_done

    def steps(self) -> Iterator[SharedNoise]:
        """Noise for each step that is left."""
        return iter(self._next, None)

    def _next(self) -> SharedNoise | None:
        if self.steps_done >= self._plan.steps:
            return None
        keys = self._ranks.drawn("a step", self._draw)
        self.steps_done += 1
        return SharedNoise(keys[: KEY_BYTES * self._plan.draws_per_step])

    def _draw(self) -> bytes:
        noise = next(self._steps)
        return b"".join(noise.random_bytes(KEY_BYTES) for _ in range(self._plan.draws_per_step))

    def release(self, value: Any) -> Any:
        return self._ranks.kept("the release", lambda: self._run.release(value))


class SharedNoise:
    """One step's draws, which are keys: the same on every rank.

    >>> noise = SharedNoise(bytes(range(64)))
    >>> noise.random_bytes(32) == bytes(range(32)), noise.draws_left
    (True, 1)
    """

    def __init__(self, keys: bytes) -> None:
        self._keys = [keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)]

    @property
    def noise_class(self) -> str:
        return "drawn by the first rank, from its claim"

    @property
    def draws_left(self) -> int:
        return len(self._keys)

    def random_bytes(self, count: int) -> bytes:
        """The next draw. Errors: PermitError if none is left, or it is not one of 32 bytes."""
        if count != KEY_BYTES or not self._keys:
            raise PermitError(f"{count} bytes were asked for; a step has so many draws of {KEY_BYTES} as its plan says")
        return self._keys.pop(0)

    def discrete_laplace(self, *, scale: Fraction, size: int) -> NDArray[np.int64]:
        raise _only_keys()

    def discrete_gaussian(self, *, variance: Fraction, size: int) -> NDArray[np.int64]:
        raise _only_keys()

    def gaussian(self, *, stddev: float, size: int) -> NDArray[np.float64]:
        raise _only_keys()

    def single_normals(self, size: int) -> NDArray[np.float32]:
        raise _only_keys()


def _only_keys() -> PermitError:
    return PermitError("draws that ranks share are keys; make noise of them with fill_gaussian_part_")
