"""The interval around exp(-x) is true and narrow."""

from __future__ import annotations

import decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.noise.exponential import exp_bounds

rationals = st.builds(Fraction, st.integers(0, 10**12), st.integers(1, 10**12))


@settings(max_examples=300, deadline=None)
@given(rationals, st.integers(1, 400))
def test_the_interval_holds_the_true_value_and_is_at_most_two_wide(x: Fraction, bits: int) -> None:
    low, high = exp_bounds(x, bits=bits)
    assert 0 <= low <= high <= low + 2
    # decimal.exp is correctly rounded; 200 more digits than asked for leave no doubt about the side.
    with decimal.localcontext(prec=bits // 3 + 200):
        below = (-(decimal.Decimal(x.numerator) / x.denominator)).exp() * (1 << bits)
        # The argument and the product are rounded in the last of 200 spare digits.
        assert low <= below * (1 + decimal.Decimal(10) ** -150)
        assert high >= below * (1 - decimal.Decimal(10) ** -150)


def test_huge_and_tiny_arguments_stay_within_zero_and_one() -> None:
    assert exp_bounds(Fraction(2**200), bits=64) == (0, 1)
    low, high = exp_bounds(Fraction(1, 2**200), bits=64)
    assert low <= high == 1 << 64
    assert low >= (1 << 64) - 2
