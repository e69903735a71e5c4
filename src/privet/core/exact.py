"""Exact numbers: budgets are added as rationals, never as floats.

A float that a person typed (``0.1``) means the decimal they typed, so it is read through its shortest
representation; ten claims of ``0.1`` then fit a limit of ``1.0`` exactly.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from privet.core.errors import InvalidParameter

Real: TypeAlias = int | float | str | Decimal | Fraction


def exact(value: Real, *, name: str = "value") -> Fraction:
    """Read a number as the exact rational its writer meant.

    Errors: InvalidParameter if it is not a finite number.

    >>> exact(0.1) * 10 == 1
    True
    >>> exact("2/3")
    Fraction(2, 3)
    """
    if isinstance(value, bool):
        raise InvalidParameter(f"{name} is {value}; give a number")
    try:
        if isinstance(value, float):
            return Fraction(repr(float(value)))
        return Fraction(value)
    except (ValueError, OverflowError, TypeError, ZeroDivisionError):
        raise InvalidParameter(f"{name} is {value!r}; give a finite number") from None


def round_up(value: Fraction, *, digits: int) -> int:
    """Smallest integer ``n`` with ``n / 10**digits >= value``: rounds a cost against the spender.

    >>> round_up(Fraction(1, 3), digits=2)
    34
    """
    scaled = value * Fraction(10**digits)
    return -((-scaled.numerator) // scaled.denominator)


def round_down(value: Fraction, *, digits: int) -> int:
    """Largest integer ``n`` with ``n / 10**digits <= value``: rounds a limit against the spender.

    >>> round_down(Fraction(1, 3), digits=2)
    33
    """
    scaled = value * Fraction(10**digits)
    return scaled.numerator // scaled.denominator


def float_up(value: Fraction) -> float:
    """Smallest float not below the rational, for showing a cost.

    >>> float_up(Fraction(1, 3)) >= Fraction(1, 3)
    True
    """
    nearest = float(value)
    return nearest if Fraction(nearest) >= value else math.nextafter(nearest, math.inf)


def float_down(value: Fraction) -> float:
    """Largest float not above the rational, for a probability that must not be exceeded.

    >>> float_down(Fraction(1, 10**5)) <= Fraction(1, 10**5)
    True
    """
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)
