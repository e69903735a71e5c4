"""The wrapper that programs for several GPUs know from Opacus, and what is made of wrapped modules."""

from __future__ import annotations

from typing import Any

import torch.distributed as dist
from torch import nn

from privet.core.errors import InvalidParameter


class DifferentiallyPrivateDistributedDataParallel(nn.Module):  # type: ignore[misc]
    """Marks a module as trained by all ranks, and gives all of them the first rank's values.

    The sums of the ranks' gradients meet in ``optimizer.step()``, not in the backward pass, so this wraps nothing that
    ``make_private`` would not do by itself: it is for programs that have it. Without a process group it does nothing.
    Reference: the class of this name in Opacus.

    >>> DifferentiallyPrivateDistributedDataParallel(nn.Linear(2, 1)).module
    Linear(in_features=2, out_features=1, bias=True)
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.module = model
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            from privet.training.distributed.ranks import Ranks

            spread_values(Ranks(), model)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


def spread_values(ranks: Any, module: nn.Module) -> None:
    """Give every rank the first one's parameters and buffers, but for sharded ones."""
    from privet.training.distributed.shards import is_sharded

    ranks.meet("the values")
    for tensor in [*module.parameters(), *module.buffers()]:
        if not is_sharded(tensor):
            ranks.spread_(tensor.detach())


def unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, out of wrappers that would add up plain gradients.

    Errors: InvalidParameter for a wrapper whose module cannot be taken out.
    """
    if isinstance(module, (DifferentiallyPrivateDistributedDataParallel, nn.parallel.DistributedDataParallel)):
        inner: nn.Module = module.module
        return inner
    if isinstance(module, nn.DataParallel) or type(module).__name__ == "FullyShardedDataParallel":
        raise InvalidParameter(
            f"the module is wrapped in {type(module).__name__}, which computes on copies or flat shards of it; give "
            "the module itself under torchrun, or shard it with torch.distributed.fsdp.fully_shard"
        )
    return module
