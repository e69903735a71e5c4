"""The private loader for loops that count steps: one item for each batch of the plan, opened as it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from privet.training.engine.loader import PrivateLoader


class Batches:
    """One ``Pieces`` for each step of an epoch."""

    def __init__(self, loader: PrivateLoader) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Pieces]:
        fetched = iter(self._loader)
        for _ in range(len(self._loader)):
            pieces = Pieces(fetched, self._loader)
            yield pieces
            pieces.pass_over()


class Pieces:
    """The parts of one batch, each of which the watch is told of as it is taken."""

    def __init__(self, fetched: Iterator[Any], loader: PrivateLoader) -> None:
        self._fetched, self._watch = fetched, loader.watch
        self._done = False

    def __iter__(self) -> Iterator[tuple[Any, bool]]:
        """Each part, and whether it is the last."""
        while not self._done:
            part = next(self._fetched)
            piece = self._watch.piece
            self._done = piece is None or piece.last
            yield part, self._done

    def __contains__(self, name: object) -> bool:
        # Asked for its entries it has none; to look for them would take the parts.
        return False

    def pass_over(self) -> None:
        """Let what was not taken go by."""
        for _ in self:
            pass
