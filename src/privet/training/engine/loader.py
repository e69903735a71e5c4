"""A data loader whose batches are those of the plan: of any size, none included, whole or in pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import DataLoader, Sampler, Subset, TensorDataset, default_collate

from privet.core.errors import InvalidParameter
from privet.training.distributed.share import Share
from privet.training.per_example.piece import Piece
from privet.training.per_example.watch import Watch, size_of


class Members:
    """Which examples belong to which unit."""

    def __init__(self, names: Sequence[Any]) -> None:
        _, numbers = np.unique(np.asarray(names), return_inverse=True)
        order = np.argsort(numbers, kind="stable")
        self._examples = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1) if len(order) else []

    def __len__(self) -> int:
        return len(self._examples)

    def of(self, unit: int) -> NDArray[np.int64]:
        return self._examples[unit]

    def all(self) -> list[NDArray[np.int64]]:
        return self._examples


class PlannedBatches(Sampler[list[int]]):  # type: ignore[misc]
    """Example numbers of one epoch after another; the stream of batches goes on from epoch to epoch.

    ``most`` bounds the examples of a piece. ``handed`` are the pieces that were handed out and not yet fetched. Of each
    batch only the units of ``share`` are handed out, if there is one.
    """

    def __init__(
        self,
        begin: Callable[[], Iterator[NDArray[np.int64]]],
        *,
        steps_per_epoch: int,
        members: Members | None,
        share: Share | None = None,
    ) -> None:
        self._begin, self._steps, self._members, self._share = begin, steps_per_epoch, members, share
        self._batches: Iterator[NDArray[np.int64]] | None = None
        self.number = 0
        self.most: int | None = None
        self.handed: deque[Piece] = deque()

    def __iter__(self) -> Iterator[list[int]]:
        self.handed.clear()
        if self._share is not None and self._share.begin is not None:
            self._share.begin(self.most)
        if self._batches is None:
            self._batches = self._begin()
            for _ in range(self.number):
                next(self._batches)
        for _ in range(self._steps):
            units, number = next(self._batches), self.number
            self.number += 1
            pieces = self._shared(units)
            for at, (examples, groups) in enumerate(pieces):
                self.handed.append(Piece(number, len(examples), at == len(pieces) - 1, groups))
                yield examples.tolist()

    def __len__(self) -> int:
        return self._steps

    def _shared(self, units: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], Tensor | None]]:
        """The pieces of this process's share; filled up with empty ones to the number that any process has."""
        if self._share is None:
            return list(self._pieces(units))
        pieces = list(self._pieces(self._share.of(units)))
        if self._share.even:
            most = max(sum(1 for _ in self._pieces(own)) for own in self._share.all(units))
            pieces += [*self._pieces(units[:0])] * (most - len(pieces))
        return pieces

    def _pieces(self, units: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Tensor | None]]:
        most = self.most or max(1, len(units))
        if self._members is None:
            for at in range(0, max(1, len(units)), most):
                yield units[at : at + most], None
            return
        yield from self._groups(units)

    def _groups(self, units: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """All examples of some units at a time; one unit is never divided."""
        held: list[NDArray[np.int64]] = []
        for unit in units:
            own = self._of(int(unit))
            if held and self.most is not None and sum(map(len, held)) + len(own) > self.most:
                yield _joined(held)
                held = []
            held.append(own)
        yield _joined(held)

    def _of(self, unit: int) -> NDArray[np.int64]:
        return self._members.of(unit) if self._members is not None else np.array([unit])


def _joined(held: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], Tensor]:
    numbers = torch.repeat_interleave(torch.tensor([len(own) for own in held], dtype=torch.int64))
    return (np.concatenate(held) if held else np.zeros(0, np.int64)), numbers


class _Collate:
    """The loader's own collation; an empty batch gets the shapes of one example."""

    def __init__(self, collate: Any, dataset: Any) -> None:
        self._collate, self._dataset = collate, dataset

    @property
    def is_plain(self) -> bool:
        """Whether it stacks tensors and does nothing else with them."""
        return self._collate is default_collate

    def __call__(self, examples: list[Any]) -> Any:
        if examples:
            return self._collate(examples)
        made = self._collate([self._dataset[0]])
        empty = tree_map(lambda leaf: leaf[:0] if hasattr(leaf, "shape") else leaf, _open(made))
        return type(made)(empty) if _open(made) is not made else empty


def _open(batch: Any) -> Any:
    """A mapping of a class of its own, as tokenizers give, as the plain one that can be looked into."""
    return dict(batch) if isinstance(batch, Mapping) and type(batch) is not dict else batch


class PrivateLoader(DataLoader[Any]):  # type: ignore[misc]
    """Tells the watched module of each batch that it hands out."""

    watch: Watch

    def __iter__(self) -> Iterator[Any]:
        for batch in self._fetched():
            piece = self.batch_sampler.handed.popleft()
            if size_of(_open(batch)) != piece.size:
                raise InvalidParameter(
                    "the loader's collation does not put examples in the first axis of a batch's first tensor; "
                    "collate them so"
                )
            self.watch.begin(piece)
            yield batch

    def _fetched(self) -> Iterator[Any]:
        """Batches as the loader makes them; of tensors cut at once, which takes a tenth of the time."""
        rows = None if self.num_workers or self.pin_memory else rows_of(self.dataset)
        if rows is None or not self.collate_fn.is_plain:
            yield from super().__iter__()
            return
        for numbers in self.batch_sampler:
            yield rows(torch.from_numpy(np.array(numbers, dtype=np.int64)))


def rows_of(dataset: Any) -> Callable[[Tensor], list[Tensor]] | None:
    """Gives several examples, collated, of a data set that is nothing but tensors; None if it may do more with them.

    Shapes: (B,) to tensors (B, ...).

    >>> rows_of(TensorDataset(torch.eye(3), torch.arange(3)))(torch.tensor([2, 0]))[1]
    tensor([2, 0])
    """
    if type(dataset) is TensorDataset:
        return lambda at: [tensor.index_select(0, at.to(tensor.device)) for tensor in dataset.tensors]
    below = rows_of(dataset.dataset) if type(dataset) is Subset else None
    if below is None:
        return None
    places = torch.as_tensor(dataset.indices)
    return lambda at: below(places[at])


def private_loader(loader: DataLoader[Any], sampler: PlannedBatches, *, watch: Watch) -> PrivateLoader:
    """The same loader with another sampler, whose batches are the only ones that ``watch`` records."""
    made = PrivateLoader(
        loader.dataset,
        batch_sampler=sampler,
        collate_fn=_Collate(loader.collate_fn, loader.dataset),
        num_workers=loader.num_workers,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
    )
    made.watch = watch
    watch.guard()
    return made
