"""From the user's loader and settings to the plan: by public numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from torch.utils.data import DataLoader, DistributedSampler, IterableDataset, RandomSampler, SequentialSampler

from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger.account import AccountSpec
from privet.training.clipping import AdaptiveClipping, AutomaticClipping, Clipping, FlatClipping, PerLayerClipping
from privet.training.engine.loader import Members
from privet.training.noise_law import NoiseLaw, law_of
from privet.training.sampling import PoissonSampling, Sampling, ShuffledBatches
from privet.training.schedules import Schedule
from privet.training.training_plan import TrainingPlan

# Orders that say nothing beyond that every example is there.
_REPLACED = (SequentialSampler, RandomSampler, DistributedSampler)
EXAMPLE, USER = PrivacyUnit("example"), PrivacyUnit("user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What ``make_private`` is told about privacy, with what the loader says."""

    noise: float | Schedule | NoiseLaw
    max_grad_norm: float | Sequence[float]
    clipping: str | Clipping
    sampling: Sampling | None
    poisson_sampling: bool
    epochs: int | None
    expected_units: int | None
    relation: Relation | None
    users: Members | None
    account: AccountSpec | None
    adaptive: Mapping[str, Any] = field(default_factory=dict)

    def plan(self, loader: DataLoader[Any]) -> TrainingPlan:
        """Errors: InvalidParameter, also where the account asks for something else."""
        sampling = self.sampling or self._sampling(loader)
        if self.epochs is None and (self.account is not None or sampling.participation(2) not in (None, (2, 1))):
            raise InvalidParameter(
                "epochs is None; an account must know the whole plan before it begins, and so must this sampling: "
                "give epochs"
            )
        if self.epochs is not None and self.epochs < 1:
            raise InvalidParameter(f"epochs is {self.epochs}; give a whole number of at least 1")
        return TrainingPlan(
            name="training",
            unit=self._unit(),
            relation=self._relation(),
            sampling=sampling,
            clipping=self._clipping(sampling),
            noise=law_of(self.noise),
            steps=sampling.steps_per_epoch * (self.epochs or 1),
        )

    def _sampling(self, loader: DataLoader[Any]) -> Sampling:
        """Poisson or shuffled, with the loader's batch size as the expected one."""
        size, units = batch_size(loader), units_of(loader, self.users)
        if not self.poisson_sampling:
            return ShuffledBatches(units=units, batch_size=size)
        units = units if self.expected_units is None else self.expected_units
        if units < 1:
            raise InvalidParameter(f"the data set has {units} examples; training needs at least 1")
        return PoissonSampling(min(Fraction(1), Fraction(size, units)), expected_batch_size=float(size))

    def _relation(self) -> Relation:
        wanted = self.relation
        if wanted is None:
            wanted = Relation.ZERO_OUT if self.expected_units is None else Relation.ADD_OR_REMOVE
        if self.account is None or self.account.relation is wanted:
            return wanted
        hint = "give expected_units" if wanted is Relation.ZERO_OUT else "leave expected_units out"
        raise InvalidParameter(
            f"account {self.account.name!r} is under {self.account.relation}; {hint}, or use another account"
        )

    def _unit(self) -> PrivacyUnit:
        if self.account is None:
            return EXAMPLE if self.users is None else USER
        if self.users is None and self.account.unit.max_rows != 1:
            raise InvalidParameter(
                f"account {self.account.name!r} protects a {self.account.unit.describe()}, but examples are "
                "clipped one by one; say with users= whose each example is"
            )
        return self.account.unit

    def _clipping(self, sampling: Sampling) -> Clipping:
        if not isinstance(self.clipping, str):
            return self.clipping
        given = self.max_grad_norm
        if self.clipping == "per_layer":
            return PerLayerClipping(given if isinstance(given, (int, float)) else tuple(given))
        if not isinstance(given, (int, float)):
            raise InvalidParameter(
                f'max_grad_norm is a {type(given).__name__}; several norms need clipping="per_layer"'
            )
        if self.clipping == "flat":
            return FlatClipping(given)
        if self.clipping == "automatic":
            return AutomaticClipping(given)
        if self.clipping == "adaptive":
            return AdaptiveClipping(given, **{"count_noise": sampling.expected_batch_size / 20, **self.adaptive})
        raise InvalidParameter(
            f'clipping is {self.clipping!r}; give "flat", "per_layer", "automatic", "adaptive" or a Clipping'
        )


def units_of(loader: DataLoader[Any], users: Members | None) -> int:
    return len(loader.dataset) if users is None else len(users)


def batch_size(loader: DataLoader[Any]) -> int:
    if isinstance(loader.dataset, IterableDataset):
        raise InvalidParameter("an iterable dataset cannot be sampled; give one with __getitem__ and __len__")
    if loader.batch_size is None:
        raise InvalidParameter("the loader has no batch size; give it batch_size, the expected number of examples")
    if type(loader.sampler) not in _REPLACED:
        raise InvalidParameter(
            f"the loader draws by a {type(loader.sampler).__name__}, which no plan accounts for and the plan's own "
            "sampling would replace; leave it out, and give sampling= for another than Poisson's"
        )
    # Such a sampler divides the data set among processes, each of which takes batches of this size.
    each = loader.sampler.num_replicas if isinstance(loader.sampler, DistributedSampler) else 1
    return int(loader.batch_size) * int(each)


def members(loader: DataLoader[Any], users: Sequence[Any] | None) -> Members | None:
    if users is None:
        return None
    if len(users) != len(loader.dataset):
        raise InvalidParameter(
            "users must name the user of every example: it has another length than the loader's data set"
        )
    return Members(users)
