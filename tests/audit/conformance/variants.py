"""Right but unusual: each keeps its guarantee, and no check may fail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from privet.audit.conformance import StatedSampling
from privet.core.neighbours import Relation
from privet.noise.simulation import generator

from .plain import Plain, lower_triangle


class GradientsNormalised(Plain):
    """Every gradient to exactly the clip norm, however small."""

    def factors(self, norms: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(norms) & (norms > 0), self.clip_norm / np.maximum(norms, 1e-30), 0)


class ClippedByTheSumOfSizes(Plain):
    """The L1 norm is never below the L2 norm: clipped more than need be."""

    def norms(self, grads: np.ndarray) -> np.ndarray:
        return np.abs(grads).sum(1)


class EveryTensorItsShareOfTheNorm(Plain):
    """Clip norm over the root of the number of tensors for each."""

    def clipped(self, grads: np.ndarray) -> np.ndarray:
        made = np.where(np.isfinite(grads).all(1)[:, None], grads, 0)
        limit = self.clip_norm / len(self.tensors) ** 0.5
        for part in self.tensors:
            norms = np.linalg.norm(made[:, part], axis=1, keepdims=True)
            made[:, part] *= np.minimum(1, limit / np.maximum(norms, 1e-30))
        return made


class MomentumAndWeightDecay(Plain):
    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.job.module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)


class Adam(Plain):
    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.job.module.parameters(), lr=0.01)


class AccumulatedInPieces(Plain):
    """Pieces of one batch are clipped and added up; noise is drawn once. Of an empty batch there is one piece."""

    def total(self, units: np.ndarray) -> np.ndarray:
        pieces = np.array_split(units, max(1, -(-len(units) // 20)))
        return sum((super(AccumulatedInPieces, self).total(piece) for piece in pieces), np.zeros(self.size))


class GradientsInHalfPrecisionNormsInSingle(Plain):
    def gradients_of_rows(self, rows: np.ndarray) -> np.ndarray:
        return super().gradients_of_rows(rows).astype(np.float16).astype(np.float32).astype(float)


class NoiseThatFalls(Plain):
    """A schedule that is accounted step by step."""

    @property
    def noise_multiplier(self) -> float:
        return self.plan.noise_multiplier * 0.99**self.step


class ClipNormThatGrowsWithItsNoise(Plain):
    @property
    def clip_norm(self) -> float:
        return self.plan.clip_norm * 1.02**self.step


class UsersOfTwoExamples(Plain):
    rows_per_unit = 2


class DivisorOfAPublicNumber(Plain):
    """Where the number of units is public, rate and divisor may follow it."""

    relation = Relation.ZERO_OUT

    def divisor(self, units: np.ndarray) -> float:
        return self.units * self.plan.rate


class ShuffledAndStatedSo(Plain):
    sampling = StatedSampling.ONCE_AN_EPOCH
    relation = Relation.ZERO_OUT

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield from np.array_split(self.chance.permutation(self.units), self.plan.steps_per_epoch)


class BallsInBins(Plain):
    sampling = StatedSampling.BALLS_IN_BINS

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            bins = self.chance.integers(self.plan.steps_per_epoch, size=self.units)
            yield from (np.flatnonzero(bins == step) for step in range(self.plan.steps_per_epoch))


class NoiseForOneExchanged(Plain):
    """Where a unit is exchanged for another, the sum moves by twice the clip norm."""

    sampling = StatedSampling.EVERY_STEP
    relation = Relation.REPLACE_ONE

    def noise(self, units: np.ndarray) -> np.ndarray:
        return 2 * super().noise(units)


class EverybodyInEveryStep(Plain):
    sampling = StatedSampling.EVERY_STEP


class NoiseThatCancels(Plain):
    """DP-FTRL on two bands; a unit is in every eighth or sixteenth step, so that its columns never overlap."""

    sampling = StatedSampling.SAME_STEP_EACH_EPOCH
    relation = Relation.ZERO_OUT
    mixing = staticmethod(lower_triangle)

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield from np.array_split(np.arange(self.units), self.plan.steps_per_epoch)

    @property
    def noise_multiplier(self) -> float:
        return self.plan.noise_multiplier * (1.25 * np.ceil(self.plan.steps / self.plan.steps_per_epoch)) ** 0.5

    def noise(self, units: np.ndarray) -> np.ndarray:
        if self.step == 0:
            self.made = lower_triangle(self.plan.steps) @ self.chance.normal(size=(self.plan.steps, self.size))
        return self.made[self.step] * self.noise_multiplier * self.clip_norm


class ResumedWithNewNoise(Plain):
    resumes = True

    def begins(self, resumed: bool) -> None:
        self.chance = generator(int(self.chance.integers(2**62)))


VARIANTS = [kind for kind in dict(globals()).values() if isinstance(kind, type) and issubclass(kind, Plain)]
# They change what a unit adds; the others change who takes part, the noise, or what follows it.
OTHER_SHARES = {
    GradientsNormalised,
    ClippedByTheSumOfSizes,
    EveryTensorItsShareOfTheNorm,
    AccumulatedInPieces,
    GradientsInHalfPrecisionNormsInSingle,
    UsersOfTwoExamples,
    DivisorOfAPublicNumber,
}
