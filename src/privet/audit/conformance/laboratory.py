"""The laboratory: data in which every unit leaves its own trace in every parameter tensor.

Of ``Lanes`` each unit owns one row of every tensor, so that from the update alone one reads who took part, and with
what. Gradients do not depend on the weights, because the loss is linear in them: any optimizer may run.
All chance here makes stand-in data and protects nothing; that is why it may be seeded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from privet.audit.conformance.trainer import Job, StatedPlan
from privet.noise.simulation import generator

Row: TypeAlias = tuple[Tensor, Tensor]

# A unit's gradient in four tensors of equal norm, over the whole's.
_SHARE = 0.5


class Lanes(nn.Module):  # type: ignore[misc]
    """An embedding and two linear layers, one with a bias; the last column of the input is the number of the lane."""

    def __init__(self, lanes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(lanes, 2)
        self.first = nn.Linear(2, lanes)
        self.second = nn.Linear(2, lanes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        place = x[:, :2]
        return torch.cat([self.embedding(x[:, 2].long()), self.first(place), self.second(place)], dim=1)


class LinearLoss(nn.Module):  # type: ignore[misc]
    """Sum of outputs times targets: an example with targets of zero has no gradient at all."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        losses = (outputs * targets).flatten(1).sum(1)
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" and len(losses) else losses.sum()


def lanes_job(plan: StatedPlan, *, lanes: int, norms: list[float], rows_per_unit: int = 1, seed: int) -> Job:
    """Units with gradients of these norms, who own the last lanes; nobody owns the first ones."""
    units = len(norms)
    angles = torch.arange(units, dtype=torch.float64)
    places = torch.stack([angles.cos(), angles.sin()], dim=1)
    own = torch.arange(units) + lanes - units
    parts = torch.tensor(norms, dtype=torch.float64) * _SHARE
    targets = torch.zeros(units, 2 + 2 * lanes, dtype=torch.float64)
    targets[:, :2] = places * parts[:, None]
    targets[torch.arange(units), 2 + own] = parts
    targets[torch.arange(units), 2 + lanes + own] = parts
    inputs = torch.cat([places, own[:, None].double()], dim=1)
    return Job(
        module=weighed(Lanes(lanes), seed=seed),
        dataset=TensorDataset(
            inputs.float().repeat(rows_per_unit, 1),
            targets.float().repeat(rows_per_unit, 1),
        ),
        criterion=LinearLoss(),
        plan=plan,
        owners=tuple(range(units)) * rows_per_unit,
    )


def weighed(module: nn.Module, *, seed: int) -> nn.Module:
    """The module with seeded weights."""
    chance = generator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            drawn = chance.standard_normal(tuple(parameter.shape)) / math.sqrt(parameter.shape[-1])
            parameter.copy_(torch.from_numpy(np.asarray(drawn)))
    return module


@dataclass(frozen=True, slots=True)
class Case:
    """The unit that is there or not: a name, its row, and whether its gradient is a finite number."""

    name: str
    row: Row
    finite: bool = True

    def nearby(self) -> Iterator[Case]:
        """The same a little larger and smaller."""
        x, y = self.row
        for name, of_x, of_y in (("smaller target", 1, 0.3), ("larger target", 1, 3), ("larger input", 3, 1)):
            yield Case(f"{self.name}, {name}", (x * of_x, y * of_y))


@dataclass(frozen=True, slots=True)
class Subject:
    """A small network with the shapes of its examples, among whose neighbours is searched."""

    name: str
    make: Callable[[], nn.Module]
    inputs: tuple[int, ...]
    outputs: int

    @property
    def null(self) -> Row:
        """An example without any gradient."""
        return torch.zeros(self.inputs), torch.zeros(self.outputs)

    def others(self, seed: int) -> list[Row]:
        """Seven units of very different norms, among whom another may come or go."""
        chance = generator(seed)
        return [self._drawn(chance, scale) for scale in (1e-3, 0.1, 1.0, 1.0, 50.0, 50.0, 1e3)]

    def cases(self, seed: int, *, others: list[Row]) -> Iterator[Case]:
        """Tiny, huge, overflowing, broken, alike, opposite, and with all weight in one tensor."""
        chance = generator(seed)
        for scale in (1e-6, 0.05, 1.0, 1e3, 1e6, 1e15, 1e25, 3e38):
            # The largest overflow in single precision, the one before it only when squared.
            yield Case(f"gradient of scale {scale:g}", self._drawn(chance, scale), finite=scale < 1e38)
        x, y = self._drawn(chance, 100.0)
        yield Case("input of zeros", (torch.zeros_like(x), y))
        yield Case("constant input", (torch.full_like(x, 7.0), y))
        yield Case("huge input", (x * 1e6, y))
        yield Case("one entry of the target", (x, torch.eye(self.outputs)[0] * 1e4))
        yield Case("copy of another unit, 100 times", (others[3][0], others[3][1] * 100))
        yield Case("opposite of another unit, 100 times", (others[3][0], others[3][1] * -100))
        for name, value in (("infinite", float("inf")), ("not a number", float("nan"))):
            yield Case(f"target {name}", (x, torch.full_like(y, value)), finite=False)
            yield Case(f"input {name}", (torch.full_like(x, value), y), finite=False)

    def _drawn(self, chance: Any, scale: float) -> Row:
        x, y = chance.standard_normal(self.inputs), chance.standard_normal(self.outputs)
        return torch.from_numpy(x).float(), torch.from_numpy(y * scale).float()

    def job(self, plan: StatedPlan, *, rows: list[Row], rows_per_unit: int, seed: int) -> Job:
        inputs, targets = (torch.stack(part) for part in zip(*rows, strict=True))
        return Job(
            module=weighed(self.make(), seed=seed),
            dataset=TensorDataset(
                inputs.repeat(rows_per_unit, *[1] * len(self.inputs)), targets.repeat(rows_per_unit, 1)
            ),
            criterion=LinearLoss(),
            plan=plan,
            owners=tuple(range(len(rows))) * rows_per_unit,
        )


def _perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))


def _convolution() -> nn.Module:
    padded = nn.Conv2d(1, 2, 3, padding=1, padding_mode="replicate")
    return nn.Sequential(padded, nn.GroupNorm(1, 2), nn.Flatten(), nn.Linear(32, 3))


def _batch_normalised() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))


SUBJECTS = (
    Subject("perceptron", _perceptron, (6,), 4),
    Subject("convolution", _convolution, (1, 4, 4), 3),
    Subject("batch normalisation", _batch_normalised, (6,), 3),
)
