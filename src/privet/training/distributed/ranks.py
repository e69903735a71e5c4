"""The processes of a job: they meet at named places, and what goes wrong for one goes wrong for all."""

from __future__ import annotations

import atexit
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from privet.core.errors import PrivetError

T = TypeVar("T")

# Where ranks meet. Ranks that are at different ones have run different programs.
_PLACES = (
    "the account",
    "the settings",
    "the checkpoint",
    "the values",
    "the claim",
    "an epoch",
    "the first batch",
    "a step",
    "saving",
    "the release",
)
# A step needs two draws of 32 bytes.
PAYLOAD = 64
# Seconds in which a thread that waits for Python gets its turn, many times over.
_MOMENT = 0.1


class RanksDiffer(PrivetError):
    """The processes of a job do not do the same thing, or one of them is gone."""


class Ranks:
    """All processes of the default process group.

    Every method that communicates must be called on every rank, and does the same on each: it gives what is the same
    everywhere, or raises one error everywhere.
    Errors: RanksDiffer where ranks are at different places, or one is gone or later than the group's timeout.
    """

    def __init__(self) -> None:
        self.rank: int = dist.get_rank()
        self.count: int = dist.get_world_size()
        self._device = _messages_device()
        if "gloo" in str(dist.get_backend_config()):
            _outlive_gloo()

    @property
    def first(self) -> bool:
        return self.rank == 0

    def meet(self, place: str, *, payload: bytes = b"", error: Exception | None = None) -> bytes:
        """Come together at ``place``; gives the first rank's payload, or raises what a rank brought as its error.

        Payloads are filled up with zeros to 64 bytes.
        """
        own = bytes([_PLACES.index(place), error is not None]) + payload.ljust(PAYLOAD, b"\0")
        records = self._gathered(own, place)
        self._require_same_place([record[0] for record in records])
        if any(record[1] for record in records):
            told = self._objects(None if error is None else self._portable(error), place)
            raise error or next(one for one in told if one is not None)
        return records[0][2:]

    def joint(self, place: str, make: Callable[[], T]) -> T:
        """What each rank makes for itself, if all can."""
        made = self._attempt(place, make)
        return made[0]

    def told(self, place: str, make: Callable[[], T]) -> T:
        """What the first rank makes, on every rank."""
        held: list[Any] = [self.kept(place, make)]
        own = held[0]
        with lost_rank(place):
            dist.broadcast_object_list(held, src=0)
        told: T = own if self.first else held[0]
        return told

    def kept(self, place: str, make: Callable[[], T]) -> T | None:
        """What the first rank makes and keeps; None elsewhere."""
        return self._attempt(place, make)[0] if self.first else self._attempt(place, lambda: None)[0]

    def drawn(self, place: str, make: Callable[[], bytes]) -> bytes:
        """As ``told``, for at most 64 bytes, filled up with zeros, in one exchange."""
        payload, error = b"", None
        try:
            payload = make() if self.first else b""
        except Exception as failure:
            error = failure
        return self.meet(place, payload=payload, error=error)

    def all(self, place: str, value: T) -> list[T]:
        """Every rank's value, in order of ranks."""
        self.meet(place)
        return self._objects(value, place)

    def told_by(self, rank: int, value: T) -> T:
        """That rank's value, on every rank; for the first batch."""
        held = [value]
        with lost_rank("the first batch"):
            dist.broadcast_object_list(held, src=rank)
        return held[0]

    def to_first(self, place: str, value: T) -> list[T] | None:
        """Every rank's value, on the first rank; None elsewhere."""
        self.meet(place)
        held: list[Any] | None = [None] * self.count if self.first else None
        with lost_rank(place):
            dist.gather_object(value, held, dst=0)
        return held

    def agree(self, place: str, **facts: str) -> None:
        """Raise RanksDiffer unless every rank states the same."""
        stated = self.all(place, facts)
        names = dict.fromkeys(name for one in stated for name in one)
        different = [name.replace("_", " ") for name in names if len({one.get(name) for one in stated}) > 1]
        if different:
            raise RanksDiffer(
                f"the {self.count} ranks differ in: {', '.join(different)}; run the same program with the same "
                "arguments and data on each"
            )

    def sum_(self, tensor: Tensor) -> Tensor:
        """The sum over ranks, in place; the same bits on each."""
        with lost_rank("a step"):
            dist.all_reduce(tensor)
        return tensor

    def spread_(self, tensor: Tensor) -> None:
        """Overwrite with the first rank's."""
        with lost_rank("the values"):
            whole = tensor.contiguous()
            dist.broadcast(whole, src=0)
            if whole is not tensor:
                tensor.copy_(whole)

    def _attempt(self, place: str, make: Callable[[], T]) -> tuple[T]:
        try:
            made = (make(),)
        except Exception as error:
            self.meet(place, error=error)
            raise
        self.meet(place)
        return made

    def _gathered(self, own: bytes, place: str) -> list[bytes]:
        sent = torch.frombuffer(bytearray(own), dtype=torch.uint8).to(self._device)
        records = [torch.empty_like(sent) for _ in range(self.count)]
        with lost_rank(place):
            dist.all_gather(records, sent)
            return [bytes(record.cpu().numpy()) for record in records]

    def _objects(self, value: Any, place: str) -> list[Any]:
        held: list[Any] = [None] * self.count
        with lost_rank(place):
            dist.all_gather_object(held, value)
        return held

    def _require_same_place(self, places: list[int]) -> None:
        elsewhere = next((rank for rank, place in enumerate(places) if place != places[0]), None)
        if elsewhere is not None:
            raise RanksDiffer(
                f"rank 0 is at {_PLACES[places[0]]}, rank {elsewhere} at {_PLACES[places[elsewhere]]}; every rank must "
                "go through the same calls: make_private, each batch and step, saving, release"
            )

    def _portable(self, error: Exception) -> Exception:
        """The error as the others may see it: our own hold no data, anybody else's might."""
        if isinstance(error, PrivetError):
            return type(error)(f"rank {self.rank}: {error}")
        return RanksDiffer(f"rank {self.rank} failed with {type(error).__name__}; its own output says more")


@contextmanager
def lost_rank(place: str) -> Iterator[None]:
    """What goes wrong on the way between ranks, as one error."""
    try:
        yield
    except RuntimeError as error:
        raise RanksDiffer(
            f"another rank did not come to {place} within the process group's timeout, or is gone; its own output says "
            "why"
        ) from error


@functools.cache
def _outlive_gloo() -> None:
    """Gloo's threads let go of tensors a moment after all have what they wanted, destroyed group or not. If Python is
    on its way out by then, the process aborts (PyTorch's issue 190489), and a job that has done all it should has
    failed.
    """
    atexit.register(time.sleep, _MOMENT)


def _messages_device() -> torch.device:
    """Where small messages must lie to be sent."""
    if "cpu:" in str(dist.get_backend_config()):
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())
