"""Seeded faults: each replaces one part of a right DP-SGD, and names the check that must find it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from privet.audit.conformance import StatedSampling, Step
from privet.core.neighbours import Relation
from privet.noise.simulation import generator

from .plain import Plain, lower_triangle

FAULTS: dict[type[Plain], str] = {}


def caught_by(check: str):
    def register(kind: type[Plain]) -> type[Plain]:
        FAULTS[kind] = check
        return kind

    return register


# What one unit may add.


@caught_by("contribution")
class NoClipping(Plain):
    def factors(self, norms: np.ndarray) -> np.ndarray:
        return np.ones_like(norms)


@caught_by("contribution")
class TheSumOfTheBatchIsClipped(Plain):
    def clipped(self, grads: np.ndarray) -> np.ndarray:
        limit = self.clip_norm * max(1, len(grads))
        return grads * min(1, limit / max(float(np.linalg.norm(grads.sum(0))), 1e-30))


@caught_by("contribution")
class RootOfTheNormForTheNorm(Plain):
    def norms(self, grads: np.ndarray) -> np.ndarray:
        return np.sqrt(np.linalg.norm(grads, axis=1))


@caught_by("contribution")
class OneTensorLeftOutOfTheNorm(Plain):
    def norms(self, grads: np.ndarray) -> np.ndarray:
        return np.linalg.norm(np.delete(grads, self.tensors[-1], axis=1), axis=1)


def tensor_by_tensor(run: Plain, grads: np.ndarray, limit: float) -> np.ndarray:
    made = grads.copy()
    made[~np.isfinite(grads).all(1)] = 0
    for part in run.tensors:
        norms = np.linalg.norm(made[:, part], axis=1, keepdims=True)
        made[:, part] *= np.minimum(1, limit / np.maximum(norms, 1e-30))
    return made


@caught_by("contribution")
class EveryTensorClippedToTheWholeNorm(Plain):
    def clipped(self, grads: np.ndarray) -> np.ndarray:
        return tensor_by_tensor(self, grads, self.clip_norm)


@caught_by("contribution")
class WrongFactorPerLayer(Plain):
    """arXiv 2202.12219: the norm shared out by a wrong power of the number of layers."""

    def clipped(self, grads: np.ndarray) -> np.ndarray:
        return tensor_by_tensor(self, grads, self.clip_norm / len(self.tensors) ** 0.25)


@caught_by("contribution")
class EntriesClampedForNorm(Plain):
    def clipped(self, grads: np.ndarray) -> np.ndarray:
        return np.clip(np.nan_to_num(grads), -self.clip_norm, self.clip_norm)


@caught_by("contribution")
class MicrobatchClippedAsOne(Plain):
    def clipped(self, grads: np.ndarray) -> np.ndarray:
        made = np.where(np.isfinite(grads).all(1)[:, None], grads, 0)
        for at in range(0, len(made), 4):
            together = float(np.linalg.norm(made[at : at + 4].sum(0)))
            made[at : at + 4] *= min(1, 4 * self.clip_norm / max(together, 1e-30))
        return made


@caught_by("contribution")
class CountedTwice(Plain):
    def total(self, units: np.ndarray) -> np.ndarray:
        return 2 * super().total(units)


@caught_by("public divisor")
class SometimesCountedTwice(Plain):
    """A worker's batch is handed out again now and then."""

    def total(self, units: np.ndarray) -> np.ndarray:
        return super().total(units) * (2 if self.step % 3 == 0 else 1)


@caught_by("contribution")
class ExamplesClippedForUsers(Plain):
    rows_per_unit = 2

    def total(self, units: np.ndarray) -> np.ndarray:
        return self.clipped(self.gradients_of_rows(self.rows_of(units))).sum(0)


@caught_by("contribution")
class AccumulationWithOneNoise(Plain):
    """Four batches are added up, and noise is drawn once, for one of them."""

    def total(self, units: np.ndarray) -> np.ndarray:
        more = self.batches()
        return super().total(units) + sum(super(AccumulationWithOneNoise, self).total(next(more)) for _ in range(3))


@caught_by("non-finite examples")
class NoNumberPassesTheClip(Plain):
    """No number compares greater than the clip norm."""

    def factors(self, norms: np.ndarray) -> np.ndarray:
        return np.where(norms > self.clip_norm, self.clip_norm / norms, 1.0)


@caught_by("sensitivity")
class NormInHalfPrecision(Plain):
    """A norm above 65,504 is infinite in half precision, and what is infinite was taken for a fault of the hardware."""

    def factors(self, norms: np.ndarray) -> np.ndarray:
        half = norms.astype(np.float16).astype(float)
        return np.where(np.isfinite(half), np.minimum(1, self.clip_norm / np.maximum(half, 1e-30)), 1.0)


@caught_by("non-finite examples")
class StopsOverOneExample(Plain):
    def norms(self, grads: np.ndarray) -> np.ndarray:
        if not np.isfinite(grads).all():
            raise FloatingPointError("a gradient is not finite")
        return super().norms(grads)


@caught_by("batch coupling")
class BatchNormalisationInTraining(Plain):
    """The whole batch goes through the module at once, so that everybody is in everybody's gradient."""

    def gradients_of_rows(self, rows: np.ndarray) -> np.ndarray:
        if not len(rows):
            return np.zeros((0, self.size))
        x, y = (part[torch.from_numpy(rows)] for part in self.job.dataset.tensors)
        outputs = self.job.module(x)
        parameters = list(self.job.module.parameters())
        made = []
        for number in range(len(rows)):
            loss = (outputs[number] * y[number]).sum()
            one = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True)
            made.append(torch.cat([g.flatten() for g in one]).double().numpy())
        return np.stack(made)


@caught_by("batch coupling")
class ScaledByTheBatch(Plain):
    """A scale is read from the batch before the clip: it is data-derived, and nobody paid for it."""

    def clipped(self, grads: np.ndarray) -> np.ndarray:
        norms = np.linalg.norm(grads, axis=1)
        middle = np.median(norms[np.isfinite(norms)]) if np.isfinite(norms).any() else 1.0
        return super().clipped(grads / max(middle, 1e-30))


# The divisor.


@caught_by("public divisor")
class DividedByTheTrueBatchSize(Plain):
    def divisor(self, units: np.ndarray) -> float:
        return max(1, len(units))


@caught_by("private number of units")
class DivisorFromThePrivateNumber(Plain):
    """Opacus issues 571 and 819: the number of units is in the divisor, though units come and go."""

    def divisor(self, units: np.ndarray) -> float:
        return max(1, int(self.units * self.plan.rate))


# The noise.


@caught_by("noise of each tensor")
class NoiseOverTheBatchSize(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return super().noise(units) / self.plan.expected_batch_size


@caught_by("noise of each tensor")
class NoiseOverTheRootOfTheBatchSize(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return super().noise(units) / self.plan.expected_batch_size**0.5


@caught_by("noise of each tensor")
class NoiseOfHalfTheClipNorm(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return 0.5 * super().noise(units)


@caught_by("noise of each tensor")
class NoiseForgetsTheClipNorm(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return super().noise(units) / self.clip_norm


@caught_by("noise of each tensor")
class MultiplierTakenForVariance(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return self.chance.normal(size=self.size) * self.noise_multiplier**0.5 * self.clip_norm


@caught_by("noise of each tensor")
class NoiseTenPercentLow(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return 0.9 * super().noise(units)


@caught_by("noise of each tensor")
class NoiseThreePercentLow(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return 0.97 * super().noise(units)


@caught_by("noise of each tensor")
class NoiseOfTheSumOnTheMean(Plain):
    """JAX-Privacy issue 383: the other way, which costs accuracy."""

    def noise(self, units: np.ndarray) -> np.ndarray:
        return super().noise(units) * self.plan.expected_batch_size


@caught_by("noise of each tensor")
class NoiseForEveryPiece(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return sum((super(NoiseForEveryPiece, self).noise(units) for _ in range(4)), np.zeros(self.size))


@caught_by("noise of each tensor")
class WorkersShareASeed(Plain):
    """Ten workers add a share of the noise each, all the same one, and the average is taken."""

    def noise(self, units: np.ndarray) -> np.ndarray:
        return super().noise(units) / 10**0.5


@caught_by("noise of each tensor")
class OneTensorWithoutNoise(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        made = super().noise(units)
        made[self.tensors[-1]] = 0
        return made


@caught_by("noise of each tensor")
class NoiseOnTouchedRowsOnly(Plain):
    """As sparse gradients of embeddings invite to."""

    def noise(self, units: np.ndarray) -> np.ndarray:
        return np.where(self.gradients(units).any(0), super().noise(units), 0)


@caught_by("noise of each step")
class NoiseByTheGreatestNorm(Plain):
    """As large as the batch needs: what hides the data follows the data."""

    def noise(self, units: np.ndarray) -> np.ndarray:
        greatest = np.linalg.norm(self.clipped(self.gradients(units)), axis=1).max(initial=0)
        return self.chance.normal(size=self.size) * self.noise_multiplier * greatest


@caught_by("noise of each step")
class NoiseOfTheFirstClipNorm(Plain):
    @property
    def clip_norm(self) -> float:
        return self.plan.clip_norm * 1.02**self.step

    def noise(self, units: np.ndarray) -> np.ndarray:
        return self.chance.normal(size=self.size) * self.noise_multiplier * self.plan.clip_norm


@caught_by("noise of each tensor")
class NoiseForgetsTheExchange(Plain):
    """Where a unit is exchanged for another, the sum moves by twice the clip norm."""

    sampling = StatedSampling.EVERY_STEP
    relation = Relation.REPLACE_ONE


@caught_by("serial correlation")
class SameSeedInEveryStep(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return generator(3).normal(size=self.size) * self.noise_multiplier * self.clip_norm


@caught_by("noise repeated")
class FiveSeedsInTurn(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return generator(self.step % 5).normal(size=self.size) * self.noise_multiplier * self.clip_norm


@caught_by("serial correlation")
class EveryNoiseTakenBack(Plain):
    """Every second noise is minus that of the step before: their sum is without any."""

    def noise(self, units: np.ndarray) -> np.ndarray:
        sign = -1 if self.step % 2 else 1
        return sign * generator(self.step // 2).normal(size=self.size) * self.noise_multiplier * self.clip_norm


@caught_by("serial correlation")
class AShareOfTheNoiseTakenBack(Plain):
    """Correlated noise that was accounted as independent."""

    before: Any = None

    def noise(self, units: np.ndarray) -> np.ndarray:
        fresh = super().noise(units)
        made = fresh if self.before is None else 0.98 * fresh - 0.199 * self.before
        self.before = made
        return made


@caught_by("cross-tensor correlation")
class SameNoiseInEveryTensor(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        seed = int(self.chance.integers(2**31))
        parts = [generator(seed).normal(size=part.stop - part.start) for part in self.tensors]
        return np.concatenate(parts) * self.noise_multiplier * self.clip_norm


@caught_by("cross-tensor correlation")
class StretchOfNoiseUsedAgain(Plain):
    """The noise of the last tensor is cut out of the middle of the first one's."""

    def noise(self, units: np.ndarray) -> np.ndarray:
        made = super().noise(units)
        last = self.tensors[-1]
        made[last] = np.roll(made[: last.stop - last.start], 37)
        return made


@caught_by("noise tails")
class UniformNoise(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return self.chance.uniform(-(3**0.5), 3**0.5, self.size) * self.noise_multiplier * self.clip_norm


@caught_by("noise tails")
class LaplaceNoise(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        return self.chance.laplace(size=self.size) / 2**0.5 * self.noise_multiplier * self.clip_norm


@caught_by("noise tails")
class NoiseCutAtTwoDeviations(Plain):
    def noise(self, units: np.ndarray) -> np.ndarray:
        made = super().noise(units)
        limit = 2 * self.noise_multiplier * self.clip_norm
        return np.clip(made, -limit, limit) * 1.0226


@caught_by("noise after resumption")
class GeneratorRestoredAfterACrash(Plain):
    """The checkpoint has the generator's state, so the lost steps' noise comes again, over other batches."""

    resumes = True

    def begins(self, resumed: bool) -> None:
        if resumed:
            self.chance.bit_generator.state = self.saved
        self.saved = self.chance.bit_generator.state


@caught_by("sensitivity of correlated noise")
class CorrelatedNoiseOfOneStep(Plain):
    """Noise that cancels, as wide as one step needs; a unit is in every one."""

    sampling = StatedSampling.EVERY_STEP
    mixing = staticmethod(lower_triangle)

    def begins(self, resumed: bool) -> None:
        raise NotImplementedError

    def noise(self, units: np.ndarray) -> np.ndarray:
        if self.step == 0:
            fresh = self.chance.normal(size=(self.plan.steps, self.size))
            self.made = lower_triangle(self.plan.steps) @ fresh
        return self.made[self.step] * self.noise_multiplier * self.clip_norm


# Who takes part.


@caught_by("batch sizes")
class ShuffledAccountedAsPoisson(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield from np.array_split(self.chance.permutation(self.units), self.plan.steps_per_epoch)


@caught_by("steps independent")
class FixedOrder(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield from np.array_split(np.arange(self.units), self.plan.steps_per_epoch)


@caught_by("batch sizes")
class FixedSize(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield self.chance.choice(self.units, round(self.plan.rate * self.units), replace=False)


@caught_by("sampling rate")
class TwiceTheRate(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield np.flatnonzero(self.chance.random(self.units) < min(1, 2 * self.plan.rate))


@caught_by("sampling rate")
class TenPercentMoreThanTheRate(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield np.flatnonzero(self.chance.random(self.units) < 1.1 * self.plan.rate)


@caught_by("units alike")
class WeightedSampler(Plain):
    """Opacus issue 813: some units take part more often than the rate says, others less."""

    def batches(self) -> Iterator[np.ndarray]:
        weights = np.linspace(0.2, 1.8, self.units)
        while True:
            yield np.flatnonzero(self.chance.random(self.units) < self.plan.rate * weights)


@caught_by("units alike")
class OneUnitInEveryBatch(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        for units in super().batches():
            yield np.union1d(units, [0])


@caught_by("units independent")
class NeighboursTogether(Plain):
    """Rows are sampled in blocks of two, as they lie on the disk."""

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            blocks = np.flatnonzero(self.chance.random(-(-self.units // 2)) < self.plan.rate)
            both = np.concatenate([2 * blocks, 2 * blocks + 1])
            yield np.sort(both[both < self.units])


@caught_by("steps independent")
class SamplerSeededAnewInEveryEpoch(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        while True:
            chance = generator(11)
            for _ in range(self.plan.steps_per_epoch):
                yield np.flatnonzero(chance.random(self.units) < self.plan.rate)


@caught_by("units alike")
class LastPieceDropped(Plain):
    """The last virtual batch of a step is lost, with the units of the highest numbers."""

    def total(self, units: np.ndarray) -> np.ndarray:
        return super().total(units[: (len(units) - 1) // 8 * 8])


@caught_by("steps")
class MoreStepsThanPlanned(Plain):
    def train(self) -> Iterator[Step]:
        yield from self.steps(self.plan.steps + 8)


@caught_by("empty batches")
class StepsThatAreNotCounted(Plain):
    """The accounting is told at the end of a full batch only."""

    def accounted(self, units: np.ndarray) -> int | None:
        self.counted = getattr(self, "counted", 0) + (len(units) > 0)
        return self.counted


@caught_by("empty batches")
class EmptyBatchesLeftOut(Plain):
    def steps(self, count: int) -> Iterator[Step]:
        kept = self.batches
        for _ in range(count):
            units = next(kept())
            if len(units):
                self.batches = lambda chosen=units: iter([chosen])  # type: ignore[method-assign]
                yield from super().steps(1)


@caught_by("empty batches")
class StopsOverAnEmptyBatch(Plain):
    def total(self, units: np.ndarray) -> np.ndarray:
        if not len(units):
            raise RuntimeError("cannot reshape a tensor of 0 elements")
        return super().total(units)


@caught_by("empty batches")
class EmptyBatchesDrawnAgain(Plain):
    def batches(self) -> Iterator[np.ndarray]:
        for units in super().batches():
            if len(units):
                yield units


@caught_by("once an epoch")
class WithReplacementAccountedAsShuffled(Plain):
    sampling = StatedSampling.ONCE_AN_EPOCH
    relation = Relation.ZERO_OUT

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield self.chance.choice(self.units, round(self.plan.rate * self.units), replace=False)


@caught_by("once an epoch")
class OrderThatChangesUnderCorrelatedNoise(Plain):
    """Shuffled anew in every epoch, so that a unit's steps may be neighbours."""

    sampling = StatedSampling.SAME_STEP_EACH_EPOCH
    relation = Relation.ZERO_OUT

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield from np.array_split(self.chance.permutation(self.units), self.plan.steps_per_epoch)


def binned(run: Plain, bins: np.ndarray) -> Iterator[np.ndarray]:
    yield from (np.flatnonzero(bins == step) for step in range(run.plan.steps_per_epoch))


@caught_by("batch sizes")
class ShuffledAccountedAsBallsInBins(Plain):
    sampling = StatedSampling.BALLS_IN_BINS
    relation = Relation.ZERO_OUT

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            yield from np.array_split(self.chance.permutation(self.units), self.plan.steps_per_epoch)


@caught_by("steps independent")
class SameBinsInEveryEpoch(Plain):
    sampling = StatedSampling.BALLS_IN_BINS

    def batches(self) -> Iterator[np.ndarray]:
        bins = self.chance.integers(self.plan.steps_per_epoch, size=self.units)
        while True:
            yield from binned(self, bins)


@caught_by("steps alike")
class FirstBinPreferred(Plain):
    sampling = StatedSampling.BALLS_IN_BINS

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            bins = self.chance.integers(self.plan.steps_per_epoch + 1, size=self.units)
            yield from binned(self, bins % self.plan.steps_per_epoch)


@caught_by("units independent")
class NeighboursInOneBin(Plain):
    sampling = StatedSampling.BALLS_IN_BINS

    def batches(self) -> Iterator[np.ndarray]:
        while True:
            bins = self.chance.integers(self.plan.steps_per_epoch, size=-(-self.units // 2))
            yield from binned(self, bins.repeat(2)[: self.units])


@caught_by("once an epoch")
class PoissonAccountedAsBallsInBins(Plain):
    """A unit may be drawn twice in an epoch, or never."""

    sampling = StatedSampling.BALLS_IN_BINS
