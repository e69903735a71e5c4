"""Who trains: this process alone, or all processes of a job as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn

from privet.core.errors import InvalidParameter
from privet.ledger.account import AccountSpec
from privet.training.distributed.share import Share
from privet.training.engine.gradients import Gradients, WholeGradients
from privet.training.engine.loader import Members
from privet.training.engine.module import PrivateModule
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.engine.steps import OpenRun
from privet.training.execution import Execution
from privet.training.per_example.watch import Watch

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What a process is about to do, found out before anything is claimed."""

    module: PrivateModule
    optimizer: PrivateOptimizer
    users: Members | None
    examples: int
    loss_reduction: str
    account: AccountSpec | None


class Processes(Protocol):
    """One process or several, as the engine sees them. What is done at a place is done by all, or fails for all."""

    alone: bool

    def told(self, place: str, make: Callable[[], T]) -> T:
        """What the first process makes, for all."""
        ...

    def kept(self, place: str, make: Callable[[], T]) -> T | None:
        """What the first process makes and keeps; None for the others."""
        ...

    def agreed(self, propose: Callable[[], Proposal]) -> Proposal:
        """The proposal of each, if all are the same; parameters are the first process's from then on."""
        ...

    def watch(self, module: nn.Module, knobs: Execution) -> Watch: ...

    def gradients(self, parameters: list[nn.Parameter], *, answers: int) -> Gradients: ...

    def share(self) -> Share | None:
        """Which units of a batch are this process's; None for all."""
        ...

    def opening(self, make: Callable[[], OpenRun]) -> OpenRun:
        """How claims are begun, by the process that pays."""
        ...

    def released_state(self, module: nn.Module) -> dict[str, NDArray[Any]]:
        """Whole weights, the same in all."""
        ...

    def saved_states(self, module: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        """State dicts of whole tensors."""
        ...

    def load_states(self, saved: tuple[Any, Any], module: nn.Module, optimizer: Any) -> None: ...


class OneProcess:
    """This process alone."""

    alone = True

    def told(self, place: str, make: Callable[[], T]) -> T:
        return make()

    def kept(self, place: str, make: Callable[[], T]) -> T | None:
        return make()

    def agreed(self, propose: Callable[[], Proposal]) -> Proposal:
        return propose()

    def watch(self, module: nn.Module, knobs: Execution) -> Watch:
        return Watch(module, memory=knobs.memory, compile=knobs.compile)

    def gradients(self, parameters: list[nn.Parameter], *, answers: int) -> Gradients:
        return WholeGradients(parameters, answers=answers)

    def share(self) -> Share | None:
        return None

    def opening(self, make: Callable[[], OpenRun]) -> OpenRun:
        return make()

    def released_state(self, module: nn.Module) -> dict[str, NDArray[Any]]:
        return {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}

    def saved_states(self, module: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        return module.state_dict(), None if optimizer is None else optimizer.state_dict()

    def load_states(self, saved: tuple[Any, Any], module: nn.Module, optimizer: Any) -> None:
        module.load_state_dict(saved[0])
        if optimizer is not None and saved[1] is not None:
            optimizer.load_state_dict(saved[1])


def processes_for(module: nn.Module, *, alone: bool) -> Processes:
    """All processes of the default process group, if there is one of several, unless told otherwise.

    Errors: InvalidParameter for a sharded module that shall be trained alone.
    """
    from privet.training.distributed import shards

    sharded = bool(shards.sharded_modules(module))
    if sharded and alone:
        raise InvalidParameter("alone is True, but the module is sharded over processes; train it with all of them")
    several = dist.is_available() and dist.is_initialized() and (dist.get_world_size() > 1 or sharded)
    if alone or not several:
        return OneProcess()
    from privet.training.distributed.processes import ManyProcesses

    return ManyProcesses(module)
