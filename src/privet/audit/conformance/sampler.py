"""Who takes part, how often and with what: a run almost without noise, read lane by lane."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from privet.audit.conformance.bins import bins_measures
from privet.audit.conformance.laboratory import lanes_job
from privet.audit.conformance.laws import at_worst, binomial_p, chi_square_p, rate_catches, variance_catches
from privet.audit.conformance.observed import Observed, Series, TrainerStopped, observe
from privet.audit.conformance.trainer import StatedPlan, StatedSampling, Trainer
from privet.audit.conformance.verdict import Measure
from privet.core.neighbours import Relation

Present = NDArray[np.bool_]

LAYER = "sampler"
CLIP_NORM = 0.7
# So little that what a unit adds is read to a millionth; a multiplier of zero is no plan.
HARDLY_ANY_NOISE = 1e-9
# Rounding of gradients in single precision.
ROUNDING = 1e-5
# Norms over the clip norm, in turn: within it, above it, and far above any norm that an adaptive clip would reach.
_NORMS = (0.5, 2.0, 1e4, 2.0)
_FAR = 1e4
_THERE = 0.01
_SAME_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is: the public number of units, the rate at which they take part, and steps."""

    units: int
    rate: float
    steps: int


RUNS = {
    StatedSampling.POISSON: Size(384, 1 / 8, 128),
    StatedSampling.BALLS_IN_BINS: Size(384, 1 / 8, 128),
    StatedSampling.ONCE_AN_EPOCH: Size(64, 1 / 8, 64),
    StatedSampling.SAME_STEP_EACH_EPOCH: Size(64, 1 / 8, 48),
    StatedSampling.EVERY_STEP: Size(32, 1.0, 16),
}
# One unit expected in a step, so that one step in three is empty.
SPARSE = Size(32, 1 / 32, 64)


def sampler_measures(trainer: Trainer, *, seed: int, steps: int | None = None) -> list[Measure]:
    """Checks of the sampler, of one unit's contribution and of the divisor. ``steps`` of the main run.

    Errors: as ``observe``.
    """
    size = RUNS[trainer.sampling]
    main = _run(trainer, Size(size.units, size.rate, steps or size.steps), seed=seed)
    if len(main) < 2:
        return [_steps(main)]
    weights = _contributions(main)
    present = ~(weights <= _THERE)
    if trainer.sampling is StatedSampling.BALLS_IN_BINS:
        found = bins_measures(present, main.job.plan.steps_per_epoch)
    elif trainer.sampling is StatedSampling.POISSON:
        found = [*poisson_measures(present, main.job.plan.rate), _sparse(trainer, seed=seed + 1)]
    else:
        found = [_planned(trainer.sampling, present, main.job.plan.steps_per_epoch)]
    return [_steps(main), *found, _contribution(weights), _divisor(weights, present)]


def _run(trainer: Trainer, size: Size, *, seed: int) -> Observed:
    plan = StatedPlan(
        rate=size.rate,
        clip_norm=CLIP_NORM,
        noise_multiplier=HARDLY_ANY_NOISE,
        steps=size.steps,
        expected_batch_size=size.units * size.rate,
    )
    # Where the number of units is private it is another one, which must show in no rate and no divisor.
    there = size.units * 3 // 4 if trainer.relation is Relation.ADD_OR_REMOVE else size.units
    norms = [CLIP_NORM * _NORMS[unit % len(_NORMS)] for unit in range(there)]
    job = lanes_job(plan, lanes=there, norms=norms, rows_per_unit=trainer.rows_per_unit, seed=seed)
    return observe(trainer, job)


def _contributions(run: Observed) -> Series:
    """Norm of what each unit added to each step's sum, over the step's clip norm. Shapes: (steps, units)."""
    squares = [(part.reshape(*part.shape[:2], -1) ** 2).sum(2) for part in run.sums.values()]
    return np.asarray(np.sqrt(np.sum(squares, axis=0)) / run.clip_norms[:, None])


def _steps(run: Observed) -> Measure:
    planned, told = run.job.plan.steps, [step for step in run.accounted if step is not None]
    wrong = sum(count is not None and count != i + 1 for i, count in enumerate(run.accounted))
    counted = f"; the accounting miscounted {wrong} of them" if told else ""
    return Measure(
        layer=LAYER,
        check="steps",
        statistic=float(abs(len(run) - planned) + wrong),
        limit=0.0,
        sentence=f"{len(run)} steps ran, {planned} were planned{counted}",
    )


def poisson_measures(present: Present, rate: float) -> list[Measure]:
    """Whether these are independent coins of this rate. Shapes: (steps, units)."""
    steps, units = present.shape
    taken = int(present.sum())
    share = min(max(taken / present.size, 1 / present.size), 1 - 1 / present.size)
    return [
        Measure(
            layer=LAYER,
            check="sampling rate",
            statistic=taken / present.size,
            p_value=float(binomial_p(taken, trials=present.size, rate=rate)),
            catches=rate_catches(trials=present.size, rate=rate),
            deviation="rate, too high or low by",
            sentence=f"units took part at a rate of {taken / present.size:.4f}; stated is {rate:.4f}",
        ),
        _batch_sizes(present.sum(1), units, share),
        _units_alike(present.sum(0), steps, share),
        _units_independent(present, share),
        _steps_independent(present, share),
    ]


def _dispersion(counts: NDArray[np.int64], trials: int, share: float) -> tuple[float, float]:
    """Variance of counts over that of binomial ones, and the chance of so unusual a ratio.

    Chi-square, with as many degrees of freedom as give it the variance that binomial counts have.
    """
    variance = trials * share * (1 - share)
    freedom = (len(counts) - 1) / (1 + (1 - 6 * share * (1 - share)) / (2 * variance))
    ratio = float(((counts - counts.mean()) ** 2).sum() / variance / (len(counts) - 1))
    return ratio, float(chi_square_p(ratio * freedom, freedom=freedom))


def _batch_sizes(sizes: NDArray[np.int64], units: int, share: float) -> Measure:
    ratio, p_value = _dispersion(sizes, units, share)
    return Measure(
        layer=LAYER,
        check="batch sizes",
        statistic=ratio,
        p_value=p_value,
        catches=variance_catches(freedom=len(sizes) - 1),
        deviation="deviation of batch sizes, too large or small by",
        sentence=f"batch sizes vary {ratio:.2f} times as much as with independent coins",
    )


def _units_alike(counts: NDArray[np.int64], steps: int, share: float) -> Measure:
    ratio, p_value = _dispersion(counts, steps, share)
    single = at_worst(binomial_p(counts, trials=steps, rate=share))
    return Measure(
        layer=LAYER,
        check="units alike",
        statistic=ratio,
        p_value=at_worst([p_value, single]),
        catches=variance_catches(freedom=len(counts) - 1, tests=2),
        deviation="deviation of the units' counts, too large or small by",
        sentence=f"units took part {counts.min()} to {counts.max()} times; their counts vary {ratio:.2f} times as much "
        "as with equal coins",
    )


def _units_independent(present: Present, share: float) -> Measure:
    """Neighbours, and units half the data set apart, are together as often as by chance."""
    half = present.shape[1] // 2
    pairs = {
        "neighbours": (present[:, 0 : 2 * half : 2], present[:, 1 : 2 * half : 2]),
        "units half the data set apart": (present[:, :half], present[:, half : 2 * half]),
    }
    counts = [int((one & other).sum()) for one, other in pairs.values()]
    trials = pairs["neighbours"][0].size
    return _together(
        "units independent",
        counts,
        [trials] * len(counts),
        share,
        deviation="rate of two units together, too high or low by",
        say=[f"{name} were in one batch" for name in pairs],
    )


def _steps_independent(present: Present, share: float) -> Measure:
    """Being in a batch tells nothing of being in a later one: at each distance, over pairs that share no step."""
    counts, trials, lags = [], [], range(1, len(present) // 2 + 1)
    for lag in lags:
        first = np.array([step for step in range(len(present) - lag) if step % (2 * lag) < lag])
        counts.append(int((present[first] & present[first + lag]).sum()))
        trials.append(len(first) * present.shape[1])
    return _together(
        "steps independent",
        counts,
        trials,
        share,
        deviation="rate of being in two batches, too high or low by",
        say=[f"units of a batch were in that {lag} steps later" for lag in lags],
    )


def _together(
    check: str, counts: list[int], trials: list[int], share: float, *, deviation: str, say: list[str]
) -> Measure:
    """Whether pairs of coins both fall as often as two independent coins do, at each of several places."""
    tests = binomial_p(counts, trials=trials, rate=share**2)
    worst = int(np.argmin(tests))
    ratio = counts[worst] / (trials[worst] * share**2)
    return Measure(
        layer=LAYER,
        check=check,
        statistic=ratio,
        p_value=at_worst(tests),
        catches=rate_catches(trials=min(trials), rate=share**2, tests=len(tests)),
        deviation=deviation,
        sentence=f"{say[worst]} {ratio:.2f} times as often as by chance",
    )


def _sparse(trainer: Trainer, *, seed: int) -> Measure:
    """A batch is empty as often as it should be: it is neither drawn again nor left out, and counts as a step."""
    check = "empty batches"
    try:
        run = _run(trainer, SPARSE, seed=seed)
    except TrainerStopped as error:
        why = f"training stops, it seems over an empty batch: {error}"
        return Measure(layer=LAYER, check=check, statistic=np.inf, limit=0.0, sentence=why)
    present = ~(_contributions(run) <= _THERE)
    wrong = _steps(run)
    if wrong.statistic:
        return replace(wrong, check=check, sentence=f"where batches are often empty {wrong.sentence}")
    rate, empty = (1 - SPARSE.rate) ** present.shape[1], int((present.sum(1) == 0).sum())
    return Measure(
        layer=LAYER,
        check=check,
        statistic=float(empty),
        p_value=float(binomial_p(empty, trials=len(present), rate=rate)),
        catches=rate_catches(trials=SPARSE.steps, rate=rate),
        deviation="rate of empty batches, too high or low by",
        sentence=f"{empty} of {len(present)} steps had nobody in them; about {rate * SPARSE.steps:.0f} should",
    )


def _planned(sampling: StatedSampling, present: Present, per_epoch: int) -> Measure:
    """Sampling that is not by coins: how often a unit may take part is a bound, not a chance."""
    if sampling is StatedSampling.EVERY_STEP:
        return Measure(
            layer=LAYER,
            check="sampling rate",
            statistic=float(present.mean()),
            sentence="units may take part in every step; the accounting relies on no sampling",
        )
    if sampling is StatedSampling.SAME_STEP_EACH_EPOCH:
        close = max(_too_close(np.flatnonzero(own), per_epoch) for own in present.T)
        return Measure(
            layer=LAYER,
            check="once an epoch",
            statistic=float(close),
            limit=0.0,
            sentence=f"a unit's steps lie up to {close} steps closer together than the {per_epoch} of an epoch",
        )
    epochs = [present[at : at + per_epoch].sum(0).max() for at in range(0, len(present), per_epoch)]
    return Measure(
        layer=LAYER,
        check="once an epoch",
        statistic=float(max(epochs)),
        limit=1.0,
        sentence=f"a unit took part at most {max(epochs)} times in an epoch of {per_epoch} steps",
    )


def _too_close(steps: NDArray[np.int64], apart: int) -> int:
    return max(0, apart - int(np.diff(steps).min())) if len(steps) > 1 else 0


def _contribution(weights: Series) -> Measure:
    greatest = float(weights.max()) if weights.size else 0.0
    return Measure(
        layer=LAYER,
        check="contribution",
        statistic=greatest,
        limit=1 + ROUNDING,
        catches=lambda level: ROUNDING,
        deviation="contribution beyond the clip norm by",
        sentence=f"one unit added up to {greatest:.6g} times the clip norm to the sum of a step",
    )


def _divisor(weights: Series, present: Present) -> Measure:
    """Units far above the clip norm add the same to every step that they are in, whoever else is there."""
    far = [unit for unit in range(weights.shape[1]) if _NORMS[unit % len(_NORMS)] == _FAR]
    spreads = [_spread(weights[present[:, unit], unit]) for unit in far]
    most = far[int(np.argmax(spreads))]
    there, spread = present[:, most], max(spreads)
    shares = weights[there, most] * present.sum(1)[there]
    why = "; it goes with one over the true batch size" if spread > _SAME_WEIGHT and _spread(shares) < 0.01 else ""
    return Measure(
        layer=LAYER,
        check="public divisor",
        statistic=spread,
        limit=_SAME_WEIGHT,
        catches=lambda level: _SAME_WEIGHT,
        deviation="weight of one unit in different steps, apart by",
        sentence=f"the weight of one unit varies by {spread:.2%} from step to step{why}",
    )


def _spread(values: Series) -> float:
    """Of the largest and the smallest, relative; none for fewer than two, no bound for what is no number."""
    if len(values) < 2:
        return 0.0
    return float(values.max() / values.min() - 1) if np.isfinite(values).all() else np.inf
