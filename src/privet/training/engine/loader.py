"""A data loader whose batches are Poisson samples: of any size, none included."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from torch.utils._pytree import tree_map
from torch.utils.data import DataLoader, Sampler

from privet.noise.sampling import poisson_batches
from privet.training.per_example.watch import Watch, size_of


class PoissonBatches(Sampler[list[int]]):  # type: ignore[misc]
    """Index lists of one epoch after another; the stream of bits goes on from epoch to epoch."""

    def __init__(self, key: bytes, *, count: int, rate: Fraction, steps_per_epoch: int) -> None:
        self._batches = poisson_batches(key, count=count, rate=rate)
        self._steps = steps_per_epoch

    def __iter__(self) -> Iterator[list[int]]:
        for _ in range(self._steps):
            yield next(self._batches).tolist()

    def __len__(self) -> int:
        return self._steps


class _Collate:
    """The loader's own collation; an empty batch gets the shapes of one example."""

    def __init__(self, collate: Any, dataset: Any) -> None:
        self._collate, self._dataset = collate, dataset

    def __call__(self, examples: list[Any]) -> Any:
        if examples:
            return self._collate(examples)
        return tree_map(lambda leaf: leaf[:0] if hasattr(leaf, "shape") else leaf, self._collate([self._dataset[0]]))


class PrivateLoader(DataLoader[Any]):  # type: ignore[misc]
    """Tells the watched module of each batch that it hands out."""

    watch: Watch

    def __iter__(self) -> Iterator[Any]:
        for batch in super().__iter__():
            self.watch.begin(size_of(batch))
            yield batch


def private_loader(loader: DataLoader[Any], sampler: PoissonBatches, *, watch: Watch) -> PrivateLoader:
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
        persistent_workers=loader.persistent_workers,
    )
    made.watch = watch
    watch.guard()
    return made
