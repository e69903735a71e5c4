"""Hockey-stick divergences of one use of each mechanism, exact or bounded from above, in both directions.

Removing: P with the unit against Q without; adding: Q against P. References: Balle & Wang 2018 (Gaussian); Zhu, Dong &
Wang 2022 (both directions of sampled noise dominate); for a cut sample docs/decisions/012-sampling.md.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from privet.accounting.allocation import allocation_curve, convex_below, largest_loss
from privet.accounting.leaves import AllocatedLeaf, ApproxLeaf, GaussianLeaf, Leaf, PureLeaf, TruncatedLeaf
from privet.core.errors import UnsupportedEvent

Floats = NDArray[np.float64]

_REACH = 8.3  # Phi(-8.3) < 1e-16


def is_symmetric(leaf: Leaf) -> bool:
    """Whether removing and adding cost the same at every epsilon."""
    return not (isinstance(leaf, (TruncatedLeaf, AllocatedLeaf)) or (isinstance(leaf, GaussianLeaf) and leaf.rate < 1))


def deviation(leaf: Leaf) -> float:
    """Rough standard deviation of one loss: only steers the grid, so it need not be exact."""
    if isinstance(leaf, (GaussianLeaf, TruncatedLeaf)):
        return max(1e-9, min(ratio_deviation(leaf), 1 / leaf.sigma + 1 / leaf.sigma**2))
    if isinstance(leaf, AllocatedLeaf):
        return max(1e-9, min(ratio_deviation(leaf), 1 / leaf.sigma))
    return max(1e-9, float(getattr(leaf, "epsilon", 1.0)))


def ratio_deviation(leaf: GaussianLeaf | TruncatedLeaf | AllocatedLeaf) -> float:
    """Standard deviation of the likelihood ratio where the unit takes no part: mu of many weak steps.

    Reference: Bu, Dong, Long & Su 2020, equation (6).
    """
    whole = math.expm1(min(100.0, 1 / leaf.sigma**2))
    if isinstance(leaf, AllocatedLeaf):
        return math.sqrt(whole / leaf.steps)
    if isinstance(leaf, GaussianLeaf):
        return leaf.rate * math.sqrt(whole)
    cut, far = leaf.cut, math.expm1(min(100.0, 4 / leaf.sigma**2))
    return math.sqrt((1 - cut.chance) * leaf.rate**2 * whole + cut.chance * cut.rate**2 * far)


def support(leaf: Leaf) -> tuple[float, float]:
    """Losses between which all but 1e-15 of the mass lies, in both directions."""
    if isinstance(leaf, TruncatedLeaf):
        whole, cut = (_support(part, reach) for part, reach in zip(_parts(leaf), (_REACH, _reach(leaf)), strict=True))
        return min(whole[0], cut[0]), max(whole[1], cut[1])
    if isinstance(leaf, AllocatedLeaf):
        reach = largest_loss(leaf.sigma, steps=leaf.steps)
        return -reach, reach
    if not isinstance(leaf, GaussianLeaf):
        epsilon = float(getattr(leaf, "epsilon", 0.0))
        return -epsilon, epsilon
    return _support(leaf, _REACH)


def _reach(leaf: TruncatedLeaf) -> float:
    """Deviations beyond which a cut sample has nothing worth a point, being rare itself."""
    from scipy.special import ndtri

    return float(-ndtri(min(0.5, 1e-16 / max(leaf.cut.chance, 1e-300))))


def _support(leaf: GaussianLeaf, reach: float) -> tuple[float, float]:
    high = _mixture_loss(leaf, 1 + reach * leaf.sigma)
    low = _mixture_loss(leaf, -reach * leaf.sigma)
    return (min(low, -high), max(high, -low))


def _mixture_loss(leaf: GaussianLeaf, x: float) -> float:
    """log of ((1-q) N(0, s^2) + q N(1, s^2)) over N(0, s^2) at x."""
    exponent = (2 * x - 1) / (2 * leaf.sigma**2)
    if leaf.rate == 1:
        return exponent
    return float(np.logaddexp(math.log1p(-leaf.rate), math.log(leaf.rate) + exponent))


def hockey_stick(leaf: Leaf, epsilon: Floats, *, removing: bool) -> Floats:
    """The divergence at each epsilon, negative ones included; they are consecutive multiples of their distance."""
    if isinstance(leaf, (PureLeaf, ApproxLeaf)):
        return _bounded(leaf, epsilon)
    if isinstance(leaf, GaussianLeaf):
        return _gaussian(leaf, epsilon) if removing else _gaussian_adding(leaf, epsilon)
    if isinstance(leaf, TruncatedLeaf):
        return _truncated(leaf, epsilon, removing=removing)
    if isinstance(leaf, AllocatedLeaf):
        return allocation_curve(epsilon, sigma=leaf.sigma, steps=leaf.steps, removing=removing)
    raise UnsupportedEvent("no dominating pair is known for this mechanism")


def _bounded(leaf: PureLeaf | ApproxLeaf, epsilon: Floats) -> Floats:
    limit = float(leaf.epsilon)
    failing = float(leaf.delta) if isinstance(leaf, ApproxLeaf) else 0.0
    inside = np.clip(epsilon, -limit, limit)
    curve = (math.exp(limit) - np.exp(inside)) / (1 + math.exp(limit))
    curve = np.where(epsilon < -limit, -np.expm1(epsilon), np.where(epsilon > limit, 0.0, curve))
    return np.asarray(failing + (1 - failing) * curve, dtype=np.float64)


def _gaussian(leaf: GaussianLeaf, epsilon: Floats) -> Floats:
    """P = (1-q) N(0) + q N(1) against Q = N(0): P(x > t) - e^eps Q(x > t), where the loss at t is epsilon."""
    from scipy.special import ndtr

    q, sigma = leaf.rate, leaf.sigma
    excess = np.expm1(epsilon) + q  # exp(epsilon) - (1 - q)
    reached = excess > 0
    t = sigma**2 * np.log(np.where(reached, excess, 1.0) / q) + 0.5
    curve = q * ndtr((1 - t) / sigma) - excess * ndtr(-t / sigma)
    return np.clip(np.where(reached, curve, -np.expm1(epsilon)), 0.0, 1.0)


def _gaussian_adding(leaf: GaussianLeaf, epsilon: Floats) -> Floats:
    """P = N(0) against Q = (1-q) N(0) + q N(1): P(x < t) - e^eps Q(x < t)."""
    from scipy.special import ndtr

    q, sigma = leaf.rate, leaf.sigma
    excess = np.expm1(-epsilon) + q  # exp(-epsilon) - (1 - q)
    reached = excess > 0
    t = sigma**2 * np.log(np.where(reached, excess, 1.0) / q) + 0.5
    curve = np.exp(epsilon) * (excess * ndtr(t / sigma) - q * ndtr((t - 1) / sigma))
    return np.clip(np.where(reached, curve, 0.0), 0.0, 1.0)


def _parts(leaf: TruncatedLeaf) -> tuple[GaussianLeaf, GaussianLeaf]:
    """A sample that was not cut, and one that was: there the unit's coming drives another out, twice as far."""
    return GaussianLeaf(leaf.sigma, leaf.rate), GaussianLeaf(leaf.sigma / 2, leaf.cut.rate)


def _truncated(leaf: TruncatedLeaf, epsilon: Floats, *, removing: bool) -> Floats:
    """Whether the other units filled the batch is given away; then the curves of both cases add up by their chances."""
    whole, cut = _parts(leaf)
    forward = np.abs(epsilon)
    # Either the unit drives out another, twice as far; or it is given away, too, whether the unit is in.
    far = np.minimum(_gaussian(cut, forward), cut.rate * _gaussian(GaussianLeaf(leaf.sigma, 1.0), forward))
    # Both hold alike in both directions: d(-e) = 1 - exp(-e) (1 - d(e)).
    far = np.where(epsilon < 0, -np.expm1(epsilon) + np.exp(np.minimum(epsilon, 0.0)) * far, far)
    far = convex_below(epsilon, far)
    return (1 - leaf.cut.chance) * hockey_stick(whole, epsilon, removing=removing) + leaf.cut.chance * far
