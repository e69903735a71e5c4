"""Training by all processes of the default process group, as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from privet.core.errors import InvalidParameter
from privet.core.receipts import digest
from privet.training.distributed import shards
from privet.training.distributed.agreement import facts_of
from privet.training.distributed.claimed import OpenRun, SharedRun
from privet.training.distributed.data_parallel import spread_values
from privet.training.distributed.ranks import Ranks
from privet.training.distributed.replicated import ReplicatedGradients, fingerprint
from privet.training.distributed.share import Share
from privet.training.execution import Execution
from privet.training.per_example.watch import Watch

T = TypeVar("T")


class ManyProcesses:
    """One claim, one batch of which each rank takes a share, one draw of noise, one update: see decision 014.

    The first rank holds account and claim, reads and writes files, and gets the release.
    """

    alone = False

    def __init__(self, module: nn.Module) -> None:
        parts = shards.sharded_modules(module)
        self._ranks, self._sharded = Ranks(), bool(parts)
        for part in parts:
            # An earlier pass may have left whole weights in place of the shards that are trained.
            part.reshard()

    def told(self, place: str, make: Callable[[], T]) -> T:
        return self._ranks.told(place, make)

    def kept(self, place: str, make: Callable[[], T]) -> T | None:
        return self._ranks.kept(place, make)

    def agreed(self, propose: Callable[[], Any]) -> Any:
        made = self._ranks.joint("the settings", propose)
        facts = facts_of(
            made.optimizer.plan,
            module=made.module.wrapped,
            optimizer=made.optimizer.original_optimizer,
            examples=made.examples,
            users=None if made.users is None else made.users.all(),
            loss_reduction=made.loss_reduction,
            account=made.account,
        )
        self._ranks.agree("the settings", **facts)
        spread_values(self._ranks, made.module.wrapped)
        return made

    def watch(self, module: nn.Module, knobs: Execution) -> Watch:
        if not self._sharded:
            return Watch(module, memory=knobs.memory, compile=knobs.compile)
        from privet.training.distributed.sharded_watch import ShardedWatch

        if knobs.compile:
            raise InvalidParameter(
                "compile is True, but the module is sharded: its weights come and go within a pass; leave compile out"
            )
        return ShardedWatch(module, memory=knobs.memory, ranks=self._ranks)

    def gradients(self, parameters: list[nn.Parameter], *, answers: int) -> Any:
        if not any(map(shards.is_sharded, parameters)):
            return ReplicatedGradients(parameters, answers=answers, ranks=self._ranks)
        if not self._sharded:
            raise InvalidParameter(
                "a parameter is laid out over ranks by something else than fully_shard, such as tensor parallelism, "
                "where no rank has an example's whole gradient; use fully_shard alone"
            )
        from privet.training.distributed.sharded import ShardedGradients

        return ShardedGradients(parameters, answers=answers, ranks=self._ranks)

    def share(self) -> Share:
        return Share(self._ranks.rank, self._ranks.count, even=self._sharded, begin=self._same_pieces)

    def _same_pieces(self, most: int | None) -> None:
        if self._sharded:
            self._ranks.agree("an epoch", physical_batch_size=str(most))

    def opening(self, make: Callable[[], OpenRun]) -> OpenRun:
        open_run = make() if self._ranks.first else None
        return lambda plan: SharedRun(self._ranks, plan, open_run)

    def released_state(self, module: nn.Module) -> dict[str, Any]:
        whole = shards.whole_state(module.state_dict())
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in whole.items()}
        self._ranks.agree("the release", weights=digest(weights))
        return weights

    def saved_states(self, module: nn.Module, optimizer: Any) -> tuple[Any, Any]:
        plain = [tensor for tensor in module.parameters() if not shards.is_sharded(tensor)]
        self._ranks.agree("saving", parameters=str(fingerprint(plain)))
        state = None if optimizer is None else shards.whole_state(optimizer.state_dict())
        return shards.whole_state(module.state_dict()), state

    def load_states(self, saved: tuple[Any, Any], module: nn.Module, optimizer: Any) -> None:
        module.load_state_dict(shards.own_module_state(saved[0], module))
        if optimizer is not None and saved[1] is not None:
            optimizer.load_state_dict(shards.own_optimizer_state(saved[1], optimizer))
