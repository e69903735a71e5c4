"""Intervals and lower bounds from counts: what a finite attack proves, and the most it could have proved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval of the given coverage."""

    value: float
    low: float
    high: float
    level: float


def clopper_pearson(successes: int, *, trials: int, level: float = 0.95) -> Interval:
    """Exact interval of a proportion.

    Guarantee: covers the true proportion with probability at least ``level``.
    Reference: Clopper & Pearson 1934.

    >>> round(clopper_pearson(0, trials=100).high, 4)
    0.0362
    """
    from scipy.stats import beta

    if not 0 <= successes <= trials or trials < 1:
        raise InvalidParameter(f"{successes} successes of {trials} trials; give 0 <= successes <= trials, trials >= 1")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return Interval(successes / trials, low, high, level)


def auc_interval(members: NDArray[np.float64], *, others: NDArray[np.float64], level: float = 0.95) -> Interval:
    """Area under the ROC curve of a score that should be higher for members, with DeLong's interval.

    Ties count one half. Reference: DeLong, DeLong & Clarke-Pearson 1988; midranks as in Sun & Xu 2014.

    >>> auc_interval(np.array([2.0, 3.0]), others=np.array([0.0, 1.0])).value
    1.0
    """
    from scipy.stats import norm, rankdata

    m, n = len(members), len(others)
    if m < 2 or n < 2:
        raise InvalidParameter(f"{m} members and {n} others are too few for an interval; give at least 2 of each")
    both = rankdata(np.concatenate([members, others]))
    above = (both[:m] - rankdata(members)) / n
    below = 1 - (both[m:] - rankdata(others)) / m
    auc = float(above.mean())
    deviation = math.sqrt(float(above.var(ddof=1)) / m + float(below.var(ddof=1)) / n)
    reach = float(norm.ppf(0.5 + level / 2)) * deviation
    return Interval(auc, max(0.0, auc - reach), min(1.0, auc + reach), level)


@dataclass(frozen=True, slots=True)
class TruePositiveRate:
    """Members found when so few others may be accused: with the false-positive rate really met, and the counts."""

    fpr_wanted: float
    fpr_realised: float
    tpr: Interval
    members: int
    others: int


def true_positive_rate(
    members: NDArray[np.float64], *, others: NDArray[np.float64], fpr: float, level: float = 0.95
) -> TruePositiveRate:
    """True-positive rate of a score at a false-positive rate of at most ``fpr``.

    Ties never raise the realised rate above the wanted one.
    Errors: InvalidParameter if there are fewer than 10 / fpr others, with whom the rate cannot be told from zero:
    1,000 for 1 %, 10,000 would be needed for 0.1 % to be precise, and 1,000 is the least that is accepted there.
    """
    needed = max(100, round(1 / fpr))
    if len(others) < needed:
        raise InvalidParameter(f"{len(others)} non-members are too few for a rate of {fpr:g}; give at least {needed}")
    allowed = int(fpr * len(others))
    ordered = np.sort(others)[::-1]
    threshold = ordered[allowed]
    found = int((members > threshold).sum())
    accused = int((others > threshold).sum())
    tpr = clopper_pearson(found, trials=len(members), level=level)
    return TruePositiveRate(fpr, accused / len(others), tpr, len(members), len(others))


@dataclass(frozen=True, slots=True)
class EpsilonBound:
    """What counts prove: epsilon is at least ``lower`` (one-sided), and the audit could not have proved ``ceiling``."""

    lower: float
    ceiling: float
    delta: float
    confidence: float


def epsilon_lower_bound(
    true_positives: int, *, members: int, false_positives: int, others: int, delta: float, confidence: float = 0.95
) -> EpsilonBound:
    """Lower bound on epsilon from one attack with a threshold chosen beforehand.

    (epsilon, delta)-DP forces TPR <= exp(epsilon) FPR + delta and TNR <= exp(epsilon) FNR + delta; both rates are
    taken at the pessimistic end of exact one-sided intervals whose errors add up to 1 - ``confidence``. Members are
    taken as independent trials, which holds for members drawn at random; see the decision page on audits.
    Reference: Kairouz, Oh & Viswanath 2015, Theorem 2.1; Jagielski, Ullman & Oprea 2020.

    >>> epsilon_lower_bound(50, members=100, false_positives=50, others=100, delta=0).lower
    0.0
    """
    lower = _epsilon(true_positives, members, false_positives, others, delta, confidence)
    ceiling = _epsilon(members, members, 0, others, delta, confidence)
    return EpsilonBound(lower, ceiling, delta, confidence)


def epsilon_from_rates(tpr: Interval, *, fpr: Interval, delta: float) -> float:
    """Lower bound on epsilon from intervals of an attack's rates; it holds whenever both intervals do.

    >>> epsilon_from_rates(clopper_pearson(50, trials=100), fpr=clopper_pearson(50, trials=100), delta=0)
    0.0
    """
    ratios = [(tpr.low - delta, fpr.high), (1 - fpr.high - delta, 1 - tpr.low)]
    return max([0.0, *[math.log(top / bottom) for top, bottom in ratios if top > 0 and bottom > 0]])


def _epsilon(tp: int, members: int, fp: int, others: int, delta: float, confidence: float) -> float:
    # Each one-sided bound fails with half of 1 - confidence: the ends of a two-sided interval of that level.
    tpr = clopper_pearson(tp, trials=members, level=confidence)
    fpr = clopper_pearson(fp, trials=others, level=confidence)
    return epsilon_from_rates(tpr, fpr=fpr, delta=delta)
