"""The noise: its law in every tensor and step, and that no draw knows of another.

Seen in the rows of parameters that no unit of the data set owns, where there is nothing but noise.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np

from privet.audit.conformance.laboratory import lanes_job
from privet.audit.conformance.laws import (
    at_worst,
    chi_square_p,
    correlation_catches,
    correlation_p,
    distance_catches,
    kurtosis_catches,
    normal_p,
    variance_catches,
)
from privet.audit.conformance.observed import Observed, Series, observe
from privet.audit.conformance.sampler import ROUNDING, Size
from privet.audit.conformance.trainer import StatedPlan, StatedSampling, Train, Trainer
from privet.audit.conformance.verdict import Measure

LAYER = "noise"
LANES = 1000
# Neither is 1, so that one forgotten, squared or taken for the other shows.
CLIP_NORM, NOISE_MULTIPLIER = 0.7, 1.3
# Batches large enough that hardly any is empty.
RUNS = {
    StatedSampling.POISSON: Size(48, 1 / 4, 48),
    StatedSampling.BALLS_IN_BINS: Size(48, 1 / 4, 48),
    StatedSampling.ONCE_AN_EPOCH: Size(48, 1 / 4, 48),
    StatedSampling.SAME_STEP_EACH_EPOCH: Size(48, 1 / 4, 48),
    StatedSampling.EVERY_STEP: Size(8, 1.0, 48),
}
# Shorter overlaps of two stretches of noise are not compared.
_LEAST_OVERLAP = 500

Tensors = dict[str, Series]


def noise_measures(trainer: Trainer, *, seed: int) -> list[Measure]:
    """Checks of the noise. Errors: as ``observe``."""
    run = _run(trainer, seed=seed, train=trainer.train)
    found = _all(trainer, run)
    if trainer.interrupted is not None:
        found += _resumed(_run(trainer, seed=seed + 1, train=trainer.interrupted))
    return found


def _all(trainer: Trainer, run: Observed) -> list[Measure]:
    if len(run) < 2:
        return [_too_few("noise of each tensor")]
    found = law_measures(standardised(trainer, run))
    return found if trainer.mixing is None else [*found, _strategy(trainer.mixing(len(run)), trainer, run)]


def law_measures(standard: Tensors) -> list[Measure]:
    """Whether these are independent standard normals. Shapes: (steps, size) for each tensor."""
    whole = np.concatenate(list(standard.values()), axis=1)
    return [
        _by_tensor(standard),
        _by_step(whole),
        *_shape(_rescaled(standard)),
        _repeated(whole, "noise repeated"),
        _serial(whole),
        _across(standard, whole),
    ]


def _run(trainer: Trainer, *, seed: int, train: Train) -> Observed:
    size = RUNS[trainer.sampling]
    plan = StatedPlan(
        rate=size.rate,
        clip_norm=CLIP_NORM,
        noise_multiplier=NOISE_MULTIPLIER,
        steps=size.steps,
        expected_batch_size=size.units * size.rate,
    )
    # Well within the clip norm, so that noise which follows the true norms shows.
    norms = [CLIP_NORM / 4] * size.units
    job = lanes_job(plan, lanes=LANES, norms=norms, rows_per_unit=trainer.rows_per_unit, seed=seed)
    return observe(trainer, job, train=train)


def standardised(trainer: Trainer, run: Observed) -> Tensors:
    """Noise over its stated deviation, whitened where it is correlated: standard normal if all is as stated.

    Shapes: (steps, size) for each tensor.
    """
    free = LANES - len(set(run.job.owners))
    deviation = run.clip_norms * run.multipliers * trainer.relation.sum_sensitivity_factor
    made: Tensors = {}
    for name, part in run.sums.items():
        noise = part[:, :free].reshape(len(run), -1) / deviation[:, None]
        if trainer.mixing is not None:
            noise = np.asarray(np.linalg.solve(trainer.mixing(len(run)), noise), dtype=np.float64)
        made[name] = np.nan_to_num(noise, posinf=1e9, neginf=-1e9)
    return made


def _by_tensor(standard: Tensors) -> Measure:
    names, parts = list(standard), list(standard.values())
    totals, sizes = np.array([(part**2).sum() for part in parts]), np.array([part.size for part in parts])
    tests, deviations = chi_square_p(totals, freedom=sizes), np.sqrt(totals / sizes)
    worst = min(range(len(names)), key=lambda i: (tests[i], deviations[i]))
    costs = "; too much costs accuracy, not privacy" if deviations.min() > 1 else ""
    return Measure(
        layer=LAYER,
        check="noise of each tensor",
        statistic=float(deviations[worst]),
        p_value=at_worst(tests),
        catches=variance_catches(freedom=int(sizes.min()), tests=len(names)),
        deviation="standard deviation, too large or small by",
        sentence=f"the noise of {names[worst]} is {deviations[worst]:.4f} times the stated one{costs}",
    )


def _by_step(whole: Series) -> Measure:
    totals = (whole**2).sum(1)
    tests, deviations = chi_square_p(totals, freedom=whole.shape[1]), np.sqrt(totals / whole.shape[1])
    return Measure(
        layer=LAYER,
        check="noise of each step",
        statistic=float(deviations[int(np.argmin(tests))]),
        p_value=at_worst(tests),
        catches=variance_catches(freedom=whole.shape[1], tests=len(tests)),
        deviation="standard deviation, too large or small by",
        sentence=f"the noise of a step is {deviations.min():.3f} to {deviations.max():.3f} times the stated one",
    )


def _rescaled(standard: Tensors) -> Series:
    """Every tensor to a mean square of 1: a wrong scale, which has its own check, is no wrong shape."""
    roots = {name: float((part**2).mean()) ** 0.5 for name, part in standard.items()}
    scaled = [(part / roots[name]).ravel() for name, part in standard.items() if roots[name]]
    return np.concatenate([np.zeros(0), *scaled])


def _shape(values: Series) -> list[Measure]:
    from scipy.stats import kstest, kurtosis, kurtosistest

    if not len(values):
        return []
    distance = kstest(values, "norm", method="asymp")
    with warnings.catch_warnings():
        # Of what is no noise at all, such as a constant, there is no kurtosis; no number fails.
        warnings.simplefilter("ignore", RuntimeWarning)
        excess, unusual = float(kurtosis(values)), float(kurtosistest(values).pvalue)
    return [
        Measure(
            layer=LAYER,
            check="noise shape",
            statistic=float(distance.statistic),
            p_value=float(distance.pvalue),
            catches=distance_catches(count=len(values)),
            deviation="distance from the normal distribution function",
            sentence=f"the noise's distribution is {distance.statistic:.2g} from the normal one at the furthest",
        ),
        Measure(
            layer=LAYER,
            check="noise tails",
            statistic=excess,
            p_value=unusual,
            catches=kurtosis_catches(count=len(values)),
            deviation="excess kurtosis",
            sentence=f"the noise's excess kurtosis is {excess:.3f}; that of a normal is 0",
        ),
    ]


def _repeated(whole: Series, check: str) -> Measure:
    """Every two steps' noises are compared."""
    gram, size = _correlations(whole), whole.shape[1]
    above = np.triu_indices(len(whole), 1)
    most = int(np.argmax(np.abs(gram[above])))
    one, other = int(above[0][most]), int(above[1][most])
    pairs = len(above[0])
    return Measure(
        layer=LAYER,
        check=check,
        statistic=float(gram[one, other]),
        p_value=min(1.0, float(correlation_p(gram[one, other], pairs=size)) * pairs),
        catches=correlation_catches(pairs=size, tests=pairs),
        deviation="correlation of two steps",
        sentence=f"of all pairs, steps {one + 1} and {other + 1} correlate most: {gram[one, other]:.4f}",
    )


def _serial(whole: Series) -> Measure:
    """At each distance of steps, all pairs together."""
    gram, steps, size = _correlations(whole), len(whole), whole.shape[1]
    pairs = np.array([steps - lag for lag in range(1, steps // 2 + 1)])
    found = np.array([np.trace(gram, offset=steps - count) / count for count in pairs])
    tests = normal_p(found * np.sqrt(pairs * size))
    worst = int(np.argmin(tests))
    return Measure(
        layer=LAYER,
        check="serial correlation",
        statistic=float(found[worst]),
        p_value=at_worst(tests),
        catches=correlation_catches(pairs=int(pairs.min()) * size, tests=len(tests)),
        deviation="correlation at one distance of steps",
        sentence=f"the noise of steps {worst + 1} apart correlates by {found[worst]:.5f}",
    )


def _correlations(whole: Series) -> Series:
    lengths = np.linalg.norm(whole, axis=1)
    unit = whole / np.where(lengths > 0, lengths, 1)[:, None]
    return np.asarray(unit @ unit.T)


def _across(standard: Tensors, whole: Series) -> Measure:
    """No tensor has another's noise, and no stretch of a step's noise is used again in it; all steps together."""
    tests, scores = {}, {}
    for one, other in itertools.combinations(standard, 2):
        count = min(standard[one].shape[1], standard[other].shape[1])
        r = _correlation(standard[one][:, :count], standard[other][:, :count])
        scores[f"{one} and {other} correlate"] = r * (count * len(whole)) ** 0.5
        tests[f"{one} and {other} correlate"] = float(correlation_p(r, pairs=count * len(whole)))
    shifted = _shifted(whole)
    apart = int(np.argmax(np.abs(shifted)))
    where = f"stretches {apart + 1} numbers apart correlate"
    scores[where], tests[where] = float(shifted[apart]), float(normal_p(shifted[apart])) * len(shifted)
    worst = min(tests, key=lambda name: tests[name])
    return Measure(
        layer=LAYER,
        check="cross-tensor correlation",
        statistic=scores[worst],
        p_value=at_worst(list(tests.values())),
        catches=correlation_catches(pairs=min(part.size for part in standard.values()), tests=len(tests)),
        deviation="correlation of two tensors",
        sentence=f"{worst} most, by {abs(scores[worst]):.1f} standard errors",
    )


def _shifted(whole: Series) -> Series:
    """Correlation of the steps' noise with itself at each shift, in standard errors."""
    size = whole.shape[1]
    padded = np.fft.rfft(whole, n=2 * size, axis=1)
    products = np.fft.irfft((np.abs(padded) ** 2).sum(0))[1 : size - _LEAST_OVERLAP]
    overlaps = (size - 1 - np.arange(len(products))) * len(whole)
    return np.asarray(products / (float((whole**2).mean()) or 1.0) / np.sqrt(overlaps))


def _correlation(one: Series, other: Series) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / size if size else 0.0


def _resumed(run: Observed) -> list[Measure]:
    """Whoever saw the noise of the lost steps must not know that of the steps that come in their place."""
    check = "noise after resumption"
    if len(run) < 2:
        return [_too_few(check)]
    free = LANES - len(set(run.job.owners))
    whole = np.concatenate([part[:, :free].reshape(len(run), -1) for part in run.sums.values()], axis=1)
    return [_repeated(np.nan_to_num(whole, posinf=1e9, neginf=-1e9), check)]


def _too_few(check: str) -> Measure:
    return Measure(layer=LAYER, check=check, statistic=np.inf, limit=0.0, sentence="fewer than two steps ran")


def _strategy(mixing: Series, trainer: Trainer, run: Observed) -> Measure:
    """Noise that cancels must be as wide as the matrix behind it makes the sums sensitive to one unit.

    With C the inverse of ``mixing``, a unit in steps S moves C g by at most the norm of the sum of C's columns in S,
    taken without signs. Reference: Denisov et al. 2022; Choquette-Choo et al. 2023.
    """
    columns = np.abs(np.linalg.inv(mixing))
    apart = 1 if trainer.sampling is StatedSampling.EVERY_STEP else run.job.plan.steps_per_epoch
    needed = NOISE_MULTIPLIER * max(float(np.linalg.norm(columns[:, at::apart].sum(1))) for at in range(apart))
    stated = float(run.multipliers.min())
    return Measure(
        layer=LAYER,
        check="sensitivity of correlated noise",
        statistic=needed / stated,
        limit=1 + ROUNDING,
        catches=lambda level: ROUNDING,
        deviation="noise too small by",
        sentence=f"a unit's steps together need noise of {needed:.4f} times the clip norm; {stated:.4f} is stated",
    )
