"""How many people are alone with their quasi-identifiers in the population that a table was sampled from: estimates.

A row that is unique in the sample may have look-alikes outside. f_j is the number of classes of size j among the n rows
of the sample, u the number of classes, N the size of the population and pi = n / N the share that was sampled.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter

# Up to this sampling share Pitman's model was found best (Dankar et al. 2012).
_SMALL_SAMPLE = 0.1
# A solution leaves no more than this of what its equations should give.
_SOLVED = 1e-6


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """Shares of the population that are unique, by three models, and the one that Dankar et al. would take.

    A model whose equations have no solution for this sample is None.
    """

    sample: float
    pitman: float | None
    zayatz: float | None
    snb: float | None
    chosen: str
    population: float

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def population_uniqueness(sizes: NDArray[Any], *, population: int) -> Uniqueness:
    """Estimate from the class sizes of a simple random sample of a population of known size.

    Guarantee: none: three models of how classes are distributed, each wrong in its own way. The rule that chooses is
    that of Dankar, El Emam, Neisa & Roffey 2012: up to a tenth sampled Pitman, else the smaller of Zayatz and SNB.
    Errors: InvalidParameter if the population is smaller than the sample or the sample is empty.

    >>> population_uniqueness(np.array([1, 1, 2]), population=4).population
    0.5
    """
    counts = np.asarray(sizes, dtype=np.int64)
    n = int(counts.sum())
    if not n:
        raise InvalidParameter("the sample has no rows; nothing can be estimated from it")
    if population < n:
        raise InvalidParameter(f"population is {population}; the sample alone has {n} rows")
    alone = float((counts == 1).sum() / n)
    if population == n:
        return Uniqueness(alone, alone, alone, alone, "the table is the population", alone)
    found = {"pitman": pitman(counts, population=population), "zayatz": zayatz(counts, population=population),
             "snb": snb(counts, population=population)}  # fmt: skip
    chosen = _choice(found, share=n / population)
    value = found[chosen]
    return Uniqueness(alone, found["pitman"], found["zayatz"], found["snb"], chosen, alone if value is None else value)


def zayatz(sizes: NDArray[np.int64], *, population: int) -> float | None:
    """Population class sizes are taken to be distributed as those of the sample (Zayatz 1991).

    P(size 1 | seen once) = f_1 h(1) / sum of f_j h(j), with h(j) the hypergeometric chance to draw exactly one of j.
    Each population unique is drawn with chance pi, so that their share of the population is P f_1 / n.
    """
    from scipy.stats import hypergeom

    n = int(sizes.sum())
    j, f = np.unique(sizes, return_counts=True)
    if j[0] != 1:
        return 0.0
    chances = f * hypergeom(population, j, n).pmf(1)
    return float(chances[0] / chances.sum() * f[0] / n)


def pitman(sizes: NDArray[np.int64], *, population: int) -> float | None:
    """Pitman's sampling formula with parameters fitted by maximum likelihood (Hoshino 2001).

    log L = sum over i < u of log(theta + i alpha) - sum over i < n of log(theta + i)
            + sum over classes and i < size of log(i - alpha), for i from 1.
    The expected number of uniques among N is N Gamma(theta + 1) Gamma(theta + alpha + N - 1)
    / (Gamma(theta + alpha) Gamma(theta + N)): the first person is alone, and nobody after joins.
    """
    from scipy.optimize import minimize
    from scipy.special import gammaln

    n, u = int(sizes.sum()), len(sizes)
    j, f = np.unique(sizes, return_counts=True)
    if u in (1, n):
        return None

    def loss(point: NDArray[np.float64]) -> float:
        theta, alpha = float(np.exp(point[0])), float(1 / (1 + np.exp(-point[1])))
        opened = (u - 1) * np.log(alpha) + gammaln(theta / alpha + u) - gammaln(theta / alpha + 1)
        new = opened - (gammaln(theta + n) - gammaln(theta + 1))
        return -float(new + (f * (gammaln(j - alpha) - gammaln(1 - alpha))).sum())

    starts = [(np.log(scale), shape) for scale in (1.0, max(1.0, u / 10), float(u)) for shape in (-2.0, 0.0, 2.0)]
    best = min((minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8, "maxiter": 2000})
                for start in starts), key=lambda fit: float(fit.fun))  # fmt: skip
    if not best.success:
        return None
    theta, alpha = float(np.exp(best.x[0])), float(1 / (1 + np.exp(-best.x[1])))
    joined = gammaln(theta + 1) - gammaln(theta + alpha)
    return float(np.exp(joined + gammaln(theta + alpha + population - 1) - gammaln(theta + population)))


def snb(sizes: NDArray[np.int64], *, population: int) -> float | None:
    """Class sizes are one plus a negative binomial: the slide negative binomial (Chen & Keller-McNulty 1998).

    A population of K classes of size 1 + Y, Y ~ NB(r, p), each person sampled with chance pi; with q = 1 - p and
    A = p / (1 - q (1 - pi)) a class is not seen with chance (1 - pi) A^r, and seen once with
    A^r (pi + (1 - pi) r q pi / (1 - q (1 - pi))). K, r and p solve N, u and f_1; uniques are K p^r.
    """
    from scipy.optimize import least_squares

    pi, u, once = float(sizes.sum()) / population, len(sizes), int((sizes == 1).sum())
    if not 0 < once < sizes.sum():
        return 0.0 if once == 0 else None

    def shape(point: NDArray[np.float64]) -> tuple[float, float, float]:
        r, p = float(np.exp(point[0])), float(1 / (1 + np.exp(-point[1])))
        return population / (1 + r * (1 - p) / p), r, p

    def missed(point: NDArray[np.float64]) -> list[float]:
        K, r, p = shape(point)
        rest = 1 - (1 - p) * (1 - pi)
        never = (p / rest) ** r
        seen, single = K * (1 - (1 - pi) * never), K * never * (pi + (1 - pi) * r * (1 - p) * pi / rest)
        return [float(np.log(max(seen, 1e-300) / u)), float(np.log(max(single, 1e-300) / once))]

    bounds = ([-25.0, -25.0], [25.0, 25.0])
    starts = [(r, p) for r in (-4.0, -2.0, 0.0, 2.0) for p in (-8.0, -5.0, -2.0, 0.0)]
    fits = [least_squares(missed, start, bounds=bounds, xtol=1e-12, ftol=1e-12, gtol=1e-12) for start in starts]
    best = min(fits, key=lambda fit: float(fit.cost))
    if best.cost > _SOLVED:
        return None
    K, r, p = shape(best.x)
    return float(K * p**r / population)


def _choice(found: dict[str, float | None], *, share: float) -> str:
    if share <= _SMALL_SAMPLE and found["pitman"] is not None:
        return "pitman"
    zayatz_, snb_ = found["zayatz"], found["snb"]
    if share > _SMALL_SAMPLE and snb_ is not None and (zayatz_ is None or snb_ < zayatz_):
        return "snb"
    return "zayatz"
