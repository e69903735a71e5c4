"""A sharded module, watched: its passes gather weights block by block, and gradients are read from whole ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from privet.training.distributed.ranks import Ranks
from privet.training.distributed.shards import is_sharded, sharded_modules
from privet.training.distributed.twin import twin_of
from privet.training.per_example.clipping import ClippedSum, Factors
from privet.training.per_example.first_batch import FirstLook
from privet.training.per_example.owners import first
from privet.training.per_example.reading import ByParameter
from privet.training.per_example.tape import Call, Owner, Reached, Tape
from privet.training.per_example.uses import Use
from privet.training.per_example.watch import Watch, size_of

# As many examples as it takes to find out who answers for what.
_EXAMPLES = 3


class ShardedWatch(Watch):
    """As ``Watch``, for a module with parts given to ``fully_shard``; every rank makes every call.

    Guarantee: that of ``Watch``. Who answers for which parameter is found out once, by all ranks together, on a plain
    twin with whole weights. Passes are recorded on the module itself, whose weights come and go as the sharding has
    it; what is read when a sum is asked for is read on a twin that shares the gathered weights, with those gathered
    again that are looked at.
    """

    def __init__(self, module: nn.Module, *, memory: int | None, ranks: Ranks) -> None:
        super().__init__(module, memory=memory)
        self._ranks = ranks
        self._parts = sharded_modules(module)
        for part in _recurrent(module):
            # On GPUs it would give the weights new memory, and what is gathered later would not be seen by them.
            part.flatten_parameters = _leave_apart
        self._twins: dict[Owner, Owner] = {}
        self._alike: list[tuple[nn.Module, nn.Module]] = []
        self._shards: dict[nn.Parameter, nn.Parameter] = {}
        self._looked_at: list[Any] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._tape is None:
            self._prepare(args, kwargs)
        return super().__call__(*args, **kwargs)

    def run(self, x: Tensor, slope: Callable[[Tensor], Tensor]) -> bool:
        """Never: a pass of ours would not gather the weights."""
        return False

    def release(self) -> None:
        super().release()
        for part in _recurrent(self.module):
            vars(part).pop("flatten_parameters", None)

    def factored_sum(self, factors_of: Factors, *, scale: float = 1.0) -> ClippedSum:
        with self._weights():
            found = super().factored_sum(factors_of, scale=scale)
        return ClippedSum(self._by_shard(found.sums), found.norms)

    def gradients(self) -> ByParameter:
        with self._weights():
            return self._by_shard(super().gradients())

    def _prepare(self, args: Any, kwargs: Any) -> None:
        """Find out who answers, if any rank has examples."""
        examples = self.examples(args, kwargs)
        if examples is None:
            return
        _scatter(self._parts)
        shards = dict(self.module.named_parameters())
        whole = {parameter: _whole(parameter) for parameter in shards.values()}
        look = self._ranks.joint("the first batch", lambda: FirstLook.at(twin_of(self.module, whole), *examples))
        with _gathered(self._parts):
            weights = dict(self.module.named_parameters())
            twin = twin_of(self.module, {weight: weight for weight in weights.values()})
        self._alike = list(zip(self.module.modules(), twin.modules(), strict=True))
        self._shards = {weights[name]: shard for name, shard in shards.items()}
        self._looked_at = _holding(self.module, [o for o in look.owners if o.rule is None or o.rule.reads])
        tape = Tape([self._watched(owner, twin) for owner in look.owners])
        self._take_up(tape, look)
        if tape.reached is not None:
            tape.reached = partial(self._reached, tape.reached)

    def examples(self, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """A few examples of the first rank that has any, for all; None if nobody has."""
        leaves, structure = tree_flatten((args, kwargs))
        sizes = self._ranks.all("the first batch", size_of((args, kwargs)))
        giver = next((rank for rank, size in enumerate(sizes) if size), None)
        if giver is None:
            return None
        own = leaves if giver == self._ranks.rank else []
        few = [first(leaf, _EXAMPLES).cpu() for leaf in own if isinstance(leaf, Tensor)]
        given = iter(self._ranks.told_by(giver, few))
        made = [next(given).to(leaf.device) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        found: tuple[Any, Any] = tree_unflatten(made, structure)
        return found

    def _watched(self, found: Owner, twin: nn.Module) -> Owner:
        """The owner whose passes are recorded; its calls are read on the twin's, which is remembered."""
        part = twin.get_submodule(found.name)
        own = dict(part.named_parameters(recurse=found.rule is None or found.rule.below))
        # While it runs, neither what it has gathered nor what it will gather may ask for gradients.
        hidden = own | {f"{name} (shard)": self._shards[weight] for name, weight in own.items()}
        watched = Owner(found.name, self.module.get_submodule(found.name), found.rule, found.axes, hidden)
        self._twins[watched] = Owner(found.name, part, found.rule, found.axes, own)
        return watched

    def _reached(self, read: Reached, call: Call, use: Use | None) -> None:
        """Read while the backward pass is there, unless the weights that are looked at are not there yet."""
        sharded_itself = call.owner.module in self._parts
        self._on_twin(call)
        rule = call.owner.rule
        if rule is None or not rule.reads or not sharded_itself:
            read(call, use)

    def _on_twin(self, call: Call) -> None:
        call.owner = self._twins.get(call.owner, call.owner)

    @contextmanager
    def _weights(self) -> Iterator[None]:
        """Weights that are looked at are here, on every rank at the same time."""
        for weight, shard in self._shards.items():
            weight.requires_grad_(shard.requires_grad)
        for part, twin in self._alike:
            twin.training = part.training
        for call in self._tape.calls if self._tape is not None else []:
            self._on_twin(call)
        with _gathered(self._looked_at):
            yield
        # A pass whose output needed no gradient has left weights behind that the coming step makes old.
        _scatter(self._parts)

    def _by_shard(self, found: ByParameter) -> ByParameter:
        return {self._shards.get(weight, weight): total for weight, total in found.items()}


def _recurrent(module: nn.Module) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, nn.RNNBase)]


def _leave_apart() -> None:
    """Weights of a recurrent layer need not lie together."""


def _whole(parameter: Any) -> nn.Parameter:
    if not is_sharded(parameter):
        found: nn.Parameter = parameter
        return found
    return nn.Parameter(parameter.full_tensor().detach(), requires_grad=parameter.requires_grad)


def _holding(module: nn.Module, owners: list[Owner]) -> list[Any]:
    """The sharded parts that gather the owners' parameters."""
    parts = {name: part for name, part in module.named_modules() if part in sharded_modules(module)}
    names = {name for owner in owners for name, _ in module.named_parameters() if _within(name, owner.name)}
    found = {max((part for part in parts if _within(name, part)), key=len, default=None) for name in names}
    return [parts[name] for name in sorted(name for name in found if name is not None)]


def _within(name: str, module: str) -> bool:
    return not module or name.startswith(f"{module}.")


@contextmanager
def _gathered(parts: list[Any]) -> Iterator[None]:
    for part in parts:
        part.unshard()
    try:
        yield
    finally:
        _scatter(parts)


def _scatter(parts: list[Any]) -> None:
    for part in parts:
        part.reshard()
