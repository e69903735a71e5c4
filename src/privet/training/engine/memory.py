"""Batches larger than memory: the examples of one step go through the module in pieces."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from torch.utils.data import DataLoader

from privet.core.errors import InvalidParameter
from privet.training.engine.loader import PrivateLoader
from privet.training.engine.optimizer import PrivateOptimizer


class BatchMemoryManager:
    """Within the block the loader hands out pieces of at most ``max_physical_batch_size`` examples.

    ``optimizer.step()`` after a piece that is not the last of its batch only clips and adds up; noise is drawn once for
    the whole batch, so that neither result nor price depends on the pieces.
    Errors: InvalidParameter.

    >>> from privet.training import PrivacyEngine
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> module = torch.nn.Linear(2, 1)
    >>> model, optimizer, loader = PrivacyEngine().make_private(
    ...     module=module, optimizer=torch.optim.SGD(module.parameters(), lr=0.1), noise_multiplier=1.0,
    ...     max_grad_norm=1.0, data_loader=DataLoader(TensorDataset(torch.ones(100, 2)), batch_size=50))
    >>> with BatchMemoryManager(data_loader=loader, max_physical_batch_size=8, optimizer=optimizer) as pieces:
    ...     max(len(x) for (x,) in pieces)
    8
    """

    def __init__(
        self, *, data_loader: DataLoader[Any], max_physical_batch_size: int, optimizer: PrivateOptimizer
    ) -> None:
        if not isinstance(data_loader, PrivateLoader) or not isinstance(optimizer, PrivateOptimizer):
            raise InvalidParameter("loader and optimizer must be those that make_private gave back")
        if max_physical_batch_size < 1:
            raise InvalidParameter(
                f"max_physical_batch_size is {max_physical_batch_size}; give a whole number of at least 1"
            )
        self._loader, self._most = data_loader, max_physical_batch_size

    def __enter__(self) -> PrivateLoader:
        self._before = self._loader.batch_sampler.most
        self._loader.batch_sampler.most = self._most
        return self._loader

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loader.batch_sampler.most = self._before
