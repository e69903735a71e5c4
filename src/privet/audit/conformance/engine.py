"""Our own engine as a trainer under test, called as its users call it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from privet.audit.conformance.trainer import Job, StatedPlan, StatedSampling, Step, Trainer, gradients_of
from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import Account, Ledger
from privet.training.clipping import Clipping
from privet.training.correlated.strategy import Strategy
from privet.training.engine import BatchMemoryManager, PrivacyEngine
from privet.training.noise_law import law_of
from privet.training.sampling import BallsInBins, FullBatch, PoissonSampling, Sampling, ShuffledBatches

# Below it nothing is protected, and only an account of the laboratory's own would pay.
_PROTECTS = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How ``make_private`` is called; what is not named here is the job's or the engine's default."""

    clipping: str | Callable[[StatedPlan], Clipping] = "flat"
    sampling: Callable[[StatedPlan], Sampling] | None = None
    poisson_sampling: bool = True
    relation: Relation = Relation.ZERO_OUT
    rows_per_unit: int = 1
    pieces: int | None = None
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] = torch.optim.SGD
    noise: Callable[[float], Any] = float
    stated: StatedSampling | None = None


def engine_trainer(*, name: str = "privet.training.PrivacyEngine", **settings: Any) -> Trainer:
    """The engine with these settings, to be audited.

    ``clipping`` is a name that ``make_private`` knows, or makes one of a plan; ``sampling`` makes one of a plan, or
    ``poisson_sampling`` says which; under ``relation`` add-or-remove the number of units is private; ``rows_per_unit``
    gives every unit so many examples; ``pieces`` examples at most go through the module at once; ``optimizer`` makes
    one of parameters; ``noise`` makes a schedule or a law of a noise multiplier. ``stated`` is what a ``sampling`` of
    your own is accounted as.
    Errors: InvalidParameter for a sampling that there is no check for, and for one with correlated noise where a unit
    may take part at any time.

    >>> engine_trainer(poisson_sampling=False).sampling
    <StatedSampling.ONCE_AN_EPOCH: 'once-an-epoch'>
    """
    chosen = Settings(**settings)
    strategy = getattr(chosen.noise(1.0), "strategy", None)
    return Trainer(
        name=name,
        train=lambda job: _train(job, chosen),
        sampling=_stated(chosen),
        relation=chosen.relation,
        rows_per_unit=chosen.rows_per_unit,
        interrupted=None if strategy is not None else lambda job: _interrupted(job, chosen),
        mixing=None if strategy is None else lambda steps: mixing_of(strategy, steps),
    )


def mixing_of(strategy: Strategy, steps: int) -> NDArray[np.float64]:
    """The matrix that turns independent noises into those of the steps: the strategy at work on unit vectors."""
    work = strategy.start(steps, device="cpu")
    return np.stack([work.next(one).double().numpy() for one in torch.eye(steps)])


def _stated(settings: Settings) -> StatedSampling:
    """What the engine's accounting relies on, asked of a small plan."""
    if settings.stated is not None:
        return settings.stated
    if settings.sampling is None:
        return StatedSampling.POISSON if settings.poisson_sampling else StatedSampling.ONCE_AN_EPOCH
    plan = StatedPlan(rate=0.125, clip_norm=1.0, noise_multiplier=1.0, steps=8, expected_batch_size=8.0)
    made = settings.sampling(plan)
    if isinstance(made, PoissonSampling):
        return StatedSampling.POISSON
    if isinstance(made, BallsInBins):
        return StatedSampling.BALLS_IN_BINS
    if isinstance(made, ShuffledBatches):
        return StatedSampling.SAME_STEP_EACH_EPOCH if made.same_order else StatedSampling.ONCE_AN_EPOCH
    if isinstance(made, FullBatch):
        return StatedSampling.EVERY_STEP
    raise InvalidParameter(f"there is no check for {type(made).__name__}; say with stated= what it is accounted as")


def _train(job: Job, settings: Settings) -> Iterator[Step]:
    yield from Loop(job, settings).steps(job.plan.steps)


def _interrupted(job: Job, settings: Settings) -> Iterator[Step]:
    """Half the plan, a checkpoint, the rest; then the rest once more from the checkpoint, by another engine."""
    half = job.plan.steps // 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        first = Loop(job, settings)
        yield from first.steps(half)
        first.engine.save_checkpoint(path=path, module=first.model, optimizer=first.optimizer)
        yield from first.steps(job.plan.steps - half)
        again = Loop(job, settings)
        again.engine.load_checkpoint(path=path, module=again.model, optimizer=again.optimizer)
        yield from again.steps(job.plan.steps - half)


class Loop:
    """A user's loop over a job, whose optimizer is watched."""

    def __init__(self, job: Job, settings: Settings) -> None:
        self._job, self._pieces = job, settings.pieces
        self._noise = settings.noise(job.plan.noise_multiplier)
        self._seen: list[Any] = []
        plan, module = job.plan, job.module
        own = settings.optimizer(module.parameters())
        own.register_step_pre_hook(lambda *call: self._seen.append(gradients_of(module)))
        self.engine = PrivacyEngine()
        self.model, self.optimizer, self._loader = self.engine.make_private(
            module=module,
            optimizer=own,
            data_loader=DataLoader(job.dataset, batch_size=round(plan.expected_batch_size)),
            noise_multiplier=self._noise,
            max_grad_norm=plan.clip_norm,
            clipping=settings.clipping if isinstance(settings.clipping, str) else settings.clipping(plan),
            sampling=None if settings.sampling is None else settings.sampling(plan),
            poisson_sampling=settings.poisson_sampling,
            epochs=math.ceil(plan.steps / plan.steps_per_epoch),
            expected_units=plan.units if settings.relation is Relation.ADD_OR_REMOVE else None,
            relation=settings.relation,
            users=list(job.owners) if settings.rows_per_unit > 1 else None,
            account=_account(settings) if plan.noise_multiplier < _PROTECTS else None,
        )

    def steps(self, count: int) -> Iterator[Step]:
        """So many steps; epochs follow each other."""
        end = self.engine.steps + count
        with self._in_pieces() as loader:
            while self.engine.steps < end:
                for x, y in loader:
                    yield from self._step(x, y)
                    if self.engine.steps >= end:
                        return

    def _in_pieces(self) -> Any:
        if self._pieces is None:
            return nullcontext(self._loader)
        most = {"max_physical_batch_size": self._pieces}
        return BatchMemoryManager(data_loader=self._loader, optimizer=self.optimizer, **most)

    def _step(self, x: Any, y: Any) -> Iterator[Step]:
        clip_norm, multiplier = self.optimizer.max_grad_norm, self._stated_multiplier(self.engine.steps)
        self.optimizer.zero_grad()
        self._job.criterion(self.model(x), y).backward()
        self.optimizer.step()
        for gradients in self._seen:
            yield Step(
                gradients=gradients, clip_norm=clip_norm, noise_multiplier=multiplier, accounted=self.engine.steps
            )
        self._seen.clear()

    def _stated_multiplier(self, step: int) -> float:
        """What is paid for, of the parts of the plan and not of the way that noise is drawn."""
        plan = self.optimizer.plan
        law = law_of(self._noise)
        multiplier = plan.clipping.gradient_noise(law.multiplier(step))
        return float(multiplier * law.scale(plan.sampling, steps=plan.steps))


def _account(settings: Settings) -> Account:
    """Runs almost without noise are no release: their data belong to nobody, and only this account pays for them."""
    terms: dict[str, Any] = {"epsilon": 10**30, "delta": "1e-5", "relation": settings.relation}
    return Ledger.in_memory().create_account("laboratory", unit=PrivacyUnit("unit"), **terms)
