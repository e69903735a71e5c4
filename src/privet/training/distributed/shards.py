"""Which part of a sharded tensor is here, and how parts become a tensor again."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from privet.core.errors import InvalidParameter


def sharded_modules(module: nn.Module) -> list[Any]:
    """The parts that ``fully_shard`` was called on; parents first."""
    # Whoever has sharded a module has loaded this; it is slow to load, and nobody else needs it.
    kind = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    return [] if kind is None else [part for part in module.modules() if isinstance(part, kind)]


def is_sharded(tensor: Any) -> bool:
    return hasattr(tensor, "placements") and hasattr(tensor, "to_local")


@dataclass(frozen=True, slots=True)
class Sharding:
    """Tensors are cut along one axis of ``mesh`` and, where it has two, replicated along the other.

    ``parts`` of them there are; this rank has number ``own``. ``answers`` says that it speaks for its replicas.
    """

    mesh: Any
    axis: int

    @classmethod
    def of(cls, parameter: Any, *, ranks: int) -> Sharding:
        """Errors: InvalidParameter for a layout that data parallelism alone does not make."""
        mesh, kinds = parameter.device_mesh, [type(one).__name__ for one in parameter.placements]
        if kinds not in (["Shard"], ["Replicate", "Shard"]) or mesh.size() != ranks:
            raise InvalidParameter(
                f"a parameter is laid out as {'/'.join(kinds)} over {mesh.size()} of {ranks} ranks; shard it with "
                "fully_shard over all ranks, or over a mesh of replicas and shards, without tensor parallelism"
            )
        return cls(mesh, len(kinds) - 1)

    @property
    def parts(self) -> int:
        return int(self.mesh.size(self.axis))

    @property
    def own(self) -> int:
        return int(self.mesh.get_local_rank(self.axis))

    @property
    def answers(self) -> bool:
        return self.axis == 0 or self.mesh.get_local_rank(0) == 0

    @property
    def device(self) -> torch.device:
        kind = self.mesh.device_type
        return torch.device(kind) if kind == "cpu" else torch.device(kind, torch.cuda.current_device())

    def scattered_sum(self, rows: Tensor) -> Tensor:
        """This rank's row of the sum over ranks that have other shards. Shapes: (parts, n) to (n,)."""
        own = torch.empty_like(rows[0])
        dist.reduce_scatter(own, list(rows.unbind()), group=self.mesh.get_group(self.axis))
        return own

    def replicas_sum_(self, tensor: Tensor) -> Tensor:
        """The sum over ranks that have the same shard, in place."""
        if self.axis:
            dist.all_reduce(tensor, group=self.mesh.get_group(0))
        return tensor


def chunks(whole: Tensor, like: Any, parts: int) -> list[Tensor]:
    """A whole tensor cut as ``like`` is; the last ones may be smaller, or empty."""
    axis = int(like.placements[-1].dim)
    size = math.ceil(whole.shape[axis] / parts)
    ends = [min(size * at, whole.shape[axis]) for at in range(parts + 1)]
    return [whole.narrow(axis, ends[at], ends[at + 1] - ends[at]) for at in range(parts)]


def from_local(local: Tensor, like: Any) -> Any:
    """A sharded tensor of which this rank has ``local``, laid out as ``like``."""
    from torch.distributed.tensor import DTensor

    held = like.to_local()
    return DTensor.from_local(
        local.to(held.device, like.dtype),
        like.device_mesh,
        like.placements,
        run_check=False,
        shape=like.shape,
        stride=like.stride(),
    )


def whole_state(state: Any) -> Any:
    """A tree of tensors with whole ones in place of sharded ones, on the CPU; for all ranks together."""
    return tree_map(lambda leaf: leaf.full_tensor().cpu() if is_sharded(leaf) else leaf, state)


def own_part(whole: Any, like: Any) -> Any:
    """This rank's part of a whole tensor, if ``like`` is sharded; else the tensor."""
    if not is_sharded(like) or not isinstance(whole, Tensor) or whole.shape != like.shape:
        return whole
    sharding = Sharding.of(like, ranks=like.device_mesh.size())
    return from_local(chunks(whole, like, sharding.parts)[sharding.own], like)


def own_module_state(whole: dict[str, Any], module: nn.Module) -> dict[str, Any]:
    """A state dict of whole tensors as the module on this rank can load it."""
    now = module.state_dict()
    return {name: own_part(value, now.get(name)) for name, value in whole.items()}


def own_optimizer_state(whole: dict[str, Any], optimizer: Any) -> dict[str, Any]:
    """A state dict of whole tensors as the optimizer on this rank can load it."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = [number for group in whole["param_groups"] for number in group["params"]]
    by_number = dict(zip(numbers, parameters, strict=False))
    state = {
        number: {name: own_part(value, by_number.get(number)) for name, value in one.items()}
        for number, one in whole["state"].items()
    }
    return {**whole, "state": state}
