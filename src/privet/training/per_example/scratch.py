"""Memory that is used again in every step: the first touch of fresh memory costs more than the work done in it."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_LARGE = 1 << 20  # bytes

_active: list[tuple[Scratch, Hashable]] = []


class Scratch:
    """Blocks by name, each as large as the largest that was asked for under that name."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[Hashable, ...], Tensor] = {}

    @contextmanager
    def used(self, place: Hashable = None) -> Iterator[None]:
        """Within the block ``empty`` hands out this memory.

        What is handed out at a ``place`` of its own lasts until that place is used again; what is handed out at none
        lasts until somebody asks for the same name.
        """
        _active.append((self, place))
        try:
            yield
        finally:
            _active.pop()

    def take(self, place: Hashable, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        size, key = math.prod(shape), (place, name, like.dtype, like.device)
        block = self._blocks.get(key)
        if block is None or block.numel() < size:
            # An eighth more where batches differ in size. The old block goes before the new one comes.
            more = 0 if block is None else size // 8
            del block
            self._blocks.pop(key, None)
            block = self._blocks[key] = _fresh(size + more, like)
        return block[:size].view(shape)

    def drop(self, gone: Callable[[Any], bool]) -> None:
        """Give back the memory of places that are not used any more."""
        for key in [key for key in self._blocks if key[0] is not None and gone(key[0])]:
            del self._blocks[key]

    def free(self) -> None:
        """Give the memory back."""
        self._blocks.clear()


def empty(name: str, shape: tuple[int, ...], like: Tensor, *, lasting: bool = True) -> Tensor:
    """A tensor of any content, of the precision and on the device of ``like``; memory of earlier steps if there is.

    What does not outlast the work at hand is not ``lasting``: all places share it.
    """
    if _active:
        scratch, place = _active[-1]
        return scratch.take(place if lasting else None, name, shape, like)
    return torch.empty(shape, dtype=like.dtype, device=like.device)


def _fresh(size: int, like: Tensor) -> Tensor:
    """New memory. Large blocks get a mapping of their own: in the heap they would lie between what comes and goes."""
    length = size * like.element_size()
    if like.device.type != "cpu" or length < _LARGE or not hasattr(mmap, "MAP_ANONYMOUS"):
        return torch.empty(size, dtype=like.dtype, device=like.device)
    mapped = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(mapped, dtype=like.dtype, count=size)
