"""How often a Poisson sample is cut down to a largest size, and how often one unit is then in it.

Symbols: N ``units``, q ``rate``, b ``most``; M, how many of the N - 1 other units' coins fall for them, is
Binomial(N - 1, q); B, with the unit itself, is Binomial(N, q).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

# Tails of the binomial law are floating-point series; a cost that follows from them is raised by this much, relatively.
_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class Truncation:
    """``chance`` that the other units alone fill a batch, and the ``rate`` at which a unit is in one that they fill."""

    chance: float
    rate: float


@functools.lru_cache(maxsize=256)
def truncation(rate: float, *, units: int, most: int) -> Truncation:
    """Both numbers, rounded against the spender.

    ``chance`` is P(M >= b); ``rate`` is P(B > b) b / N over it: a unit is in a cut batch if b of the B are kept.

    >>> truncation(1.0, units=4, most=1)
    Truncation(chance=1.0, rate=0.25000000025)
    """
    from scipy.stats import binom

    chance = float(binom.sf(most - 1, units - 1, rate))
    if chance == 0:
        return Truncation(0.0, rate)
    kept = float(binom.sf(most, units, rate)) * most / units / chance
    return Truncation(min(1.0, chance * (1 + _MARGIN)), min(rate, kept * (1 + _MARGIN)))


@functools.lru_cache(maxsize=256)
def expected_size(rate: float, *, units: int, most: int) -> float:
    """Expected size of a cut sample: the mean of min(B, b).

    >>> expected_size(0.5, units=2, most=1)
    0.75
    """
    from scipy.stats import binom

    # B P(B), summed up to b, is N q P(M <= b - 1).
    whole = units * rate * float(binom.cdf(most - 1, units - 1, rate))
    return whole + most * float(binom.sf(most, units, rate))
