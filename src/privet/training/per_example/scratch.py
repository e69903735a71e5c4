"""Memory that is used again in every step: the first touch of fresh memory costs more than the work done in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_active: list[Scratch] = []


class Scratch:
    """Blocks that are handed out in the same order in every step, and grow to the largest that was asked for."""

    def __init__(self) -> None:
        self._blocks: list[Tensor] = []
        self._next = 0

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within the block ``empty`` hands out this memory; nothing of it may be kept beyond."""
        self._next = 0
        _active.append(self)
        try:
            yield
        finally:
            _active.pop()

    def take(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        size, at = math.prod(shape), self._next
        self._next += 1
        if at == len(self._blocks):
            self._blocks.append(torch.empty(0))
        block = self._blocks[at]
        if block.numel() < size or block.dtype != like.dtype or block.device != like.device:
            # A quarter more, because batches differ in size.
            block = self._blocks[at] = torch.empty(size + size // 4, dtype=like.dtype, device=like.device)
        return block[:size].view(shape)


def empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A tensor of any content, of the precision and on the device of ``like``."""
    if _active:
        return _active[-1].take(shape, like)
    return torch.empty(shape, dtype=like.dtype, device=like.device)
