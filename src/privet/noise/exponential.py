"""exp(-x) of a rational as an interval of integers: the only transcendental function that exact samplers need."""

from __future__ import annotations

from fractions import Fraction

_GUARD = 24


def exp_bounds(x: Fraction, *, bits: int) -> tuple[int, int]:
    """Integers ``low <= exp(-x) * 2**bits <= high`` that differ by at most 2, for ``x >= 0``.

    Only integer arithmetic is used. The argument is halved until it is below 2**-8, the Taylor series is summed in
    fixed point, and the result is squared back; every rounding is counted in ``error`` (see docs/decisions/001).

    >>> low, high = exp_bounds(Fraction(1), bits=20)
    >>> low <= 0.36787944117144233 * 2**20 <= high
    True
    >>> exp_bounds(Fraction(0), bits=4)
    (16, 16)
    """
    if x == 0:
        return 1 << bits, 1 << bits
    if x >= bits:  # exp(-bits) < 2**-bits
        return 0, 1
    halvings = 8 + (x.numerator // x.denominator).bit_length()
    precision = bits + halvings + _GUARD
    reduced = (x.numerator << (precision - halvings)) // x.denominator
    value, terms = _series(reduced, precision=precision)
    # Each term loses less than 2 units, the argument less than 1, the tail less than 1.
    error = 2 * terms + 2
    for _ in range(halvings):
        value = (value * value) >> precision
        # (v + e)^2 = v^2 + 2 v e + e^2 with v <= 1 and e tiny, plus one unit for the shift.
        error = 2 * error + 2
    guard = precision - bits
    return max(0, (value - error) >> guard), min(1 << bits, ((value + error) >> guard) + 1)


def _series(y: int, *, precision: int) -> tuple[int, int]:
    """Taylor sum of exp(-y / 2**precision) in units of 2**-precision, and the number of terms used."""
    total = term = 1 << precision
    count = 0
    while term:
        count += 1
        term = ((term * y) >> precision) // count
        total += -term if count % 2 else term
    return total, count
