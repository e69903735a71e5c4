"""DP-SGD as the paper has it, on gradients of single examples; faults and variants replace one part each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

from privet.audit.conformance import Job, StatedPlan, StatedSampling, Step, Trainer
from privet.core.neighbours import Relation
from privet.noise.simulation import generator

# So few are quicker one by one than all at once.
FEW = 4


class Plain:
    """Abadi et al. 2016, Algorithm 1. Seeded, so that a test of a fault has one outcome."""

    sampling: ClassVar[StatedSampling] = StatedSampling.POISSON
    relation: ClassVar[Relation] = Relation.ADD_OR_REMOVE
    rows_per_unit: ClassVar[int] = 1
    resumes: ClassVar[bool] = False

    def __init__(self, job: Job, seed: int) -> None:
        self.job, self.plan = job, job.plan
        self.chance = generator(seed)
        self.units = max(job.owners) + 1
        self.rows = [np.flatnonzero(np.array(job.owners) == unit) for unit in range(self.units)]
        self.names = [name for name, _ in job.module.named_parameters()]
        sizes = [p.numel() for p in job.module.parameters()]
        ends = np.cumsum(sizes)
        self.tensors = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        self.size = int(ends[-1])
        self.step = 0
        self.each = vmap(grad(self._loss), in_dims=(None, 0, 0))

    def _loss(self, parameters: dict[str, Any], x: Any, y: Any) -> Any:
        return self.job.criterion(functional_call(self.job.module, parameters, (x[None],)), y[None])

    # The parts that a fault or a variant replaces.

    def batches(self) -> Iterator[np.ndarray]:
        """Units of one step after another."""
        while True:
            yield np.flatnonzero(self.chance.random(self.units) < self.plan.rate)

    def gradients(self, units: np.ndarray) -> np.ndarray:
        """Gradient of each unit: the mean of its examples'. Shapes: (units, size)."""
        rows = self.gradients_of_rows(self.rows_of(units))
        return rows.reshape(len(units), self.rows_per_unit, self.size).mean(1)

    def rows_of(self, units: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros(0, int), *(self.rows[u] for u in units)])

    def gradients_of_rows(self, rows: np.ndarray) -> np.ndarray:
        if not len(rows):
            return np.zeros((0, self.size))
        x, y = (part[torch.from_numpy(rows)] for part in self.job.dataset.tensors)
        if len(rows) < FEW:
            return np.stack([self.gradient_of(x[i : i + 1], y[i : i + 1]) for i in range(len(rows))])
        found = self.each({n: p.detach() for n, p in self.job.module.named_parameters()}, x, y)
        return torch.cat([found[name].flatten(1) for name in self.names], dim=1).double().numpy()

    def gradient_of(self, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        """Of one example alone, by the definition."""
        loss = self.job.criterion(self.job.module(x), y)
        found = torch.autograd.grad(loss, list(self.job.module.parameters()))
        return torch.cat([part.flatten() for part in found]).double().numpy()

    def factors(self, norms: np.ndarray) -> np.ndarray:
        """Nothing of an example that is not finite."""
        return np.where(np.isfinite(norms), np.minimum(1, self.clip_norm / np.maximum(norms, 1e-30)), 0)

    def norms(self, grads: np.ndarray) -> np.ndarray:
        return np.linalg.norm(grads, axis=1)

    def clipped(self, grads: np.ndarray) -> np.ndarray:
        factors = self.factors(self.norms(grads))[:, None]
        return np.where(factors != 0, grads, 0) * factors

    def total(self, units: np.ndarray) -> np.ndarray:
        return self.clipped(self.gradients(units)).sum(0)

    @property
    def clip_norm(self) -> float:
        return self.plan.clip_norm

    @property
    def noise_multiplier(self) -> float:
        return self.plan.noise_multiplier

    def noise(self, units: np.ndarray) -> np.ndarray:
        return self.chance.normal(size=self.size) * self.noise_multiplier * self.clip_norm

    def divisor(self, units: np.ndarray) -> float:
        return self.plan.expected_batch_size

    def accounted(self, units: np.ndarray) -> int | None:
        return self.step + 1

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.job.module.parameters(), lr=0.1)

    def begins(self, resumed: bool) -> None:
        """A process begins; after a crash with ``resumed``. A right one draws on."""

    # The loop.

    def steps(self, count: int) -> Iterator[Step]:
        optimizer = self.optimizer()
        for units in itertools.islice(self.batches(), count):
            with np.errstate(all="ignore"):
                mean = (self.total(units) + self.noise(units)) / self.divisor(units)
            for parameter, part in zip(self.job.module.parameters(), self.tensors, strict=True):
                parameter.grad = torch.from_numpy(mean[part]).to(parameter).view_as(parameter)
            yield Step.read(
                self.job.module,
                clip_norm=self.clip_norm,
                noise_multiplier=self.noise_multiplier,
                accounted=self.accounted(units),
            )
            optimizer.step()
            self.step += 1

    def train(self) -> Iterator[Step]:
        yield from self.steps(self.plan.steps)

    def interrupted(self) -> Iterator[Step]:
        half = self.plan.steps // 2
        yield from self.steps(half)
        self.begins(resumed=False)
        yield from self.steps(self.plan.steps - half)
        self.begins(resumed=True)
        yield from self.steps(self.plan.steps - half)


def trainer(kind: type[Plain], *, seed: int = 7) -> Trainer:
    """The trainer of a class; every run of it has chance of its own."""
    runs = itertools.count(seed * 1000)
    return Trainer(
        name=kind.__name__,
        train=lambda job: kind(job, next(runs)).train(),
        sampling=kind.sampling,
        relation=kind.relation,
        rows_per_unit=kind.rows_per_unit,
        interrupted=(lambda job: kind(job, next(runs)).interrupted()) if kind.resumes else None,
        mixing=getattr(kind, "mixing", None),
    )


def lower_triangle(steps: int) -> np.ndarray:
    """A matrix C of two bands: half of a step's noise is taken back in the next. Its inverse mixes the noise."""
    return np.linalg.inv(np.eye(steps) + 0.5 * np.eye(steps, k=-1))


__all__ = ["Plain", "StatedPlan", "lower_triangle", "trainer"]
