"""Numbers as readers meet them: rounded for the page, exact for the appendix, and never kinder than the truth."""

from __future__ import annotations

import math
from datetime import datetime

NO_GUARANTEE = "no guarantee"
# Not strftime: its month names follow the locale of whoever runs the study, and a report must not.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def epsilon(value: float) -> str:
    """Two decimals.

    >>> epsilon(1.996), epsilon(0.001), epsilon(0), epsilon(math.inf)
    ('2.00', 'under 0.01', '0', 'no guarantee')
    """
    if math.isinf(value):
        return NO_GUARANTEE
    if value == 0:
        return "0"
    if value < 0.005:
        return "under 0.01"
    return f"{value:,.2f}" if value < 1e6 else f"{value:.2e}"


def loss(value: float) -> str:
    """Epsilon with its letter, where a sentence needs one.

    >>> loss(1.5), loss(math.inf)
    ('ε = 1.50', 'no guarantee')
    """
    return NO_GUARANTEE if math.isinf(value) else f"ε = {epsilon(value)}"


def delta(value: float) -> str:
    """A chance in words where it is a round one, else in powers of ten.

    >>> delta(1e-6), delta(0), delta(3.21e-7), delta(0.02)
    ('1 in 1,000,000', '0', '3.2 × 10⁻⁷', '0.02')
    """
    if value == 0:
        return "0"
    if value >= 0.01:
        return f"{value:.3g}"
    odds = 1 / value
    if odds <= 1e9 and math.isclose(odds, round(odds), rel_tol=1e-9):
        return f"1 in {round(odds):,}"
    return scientific(value)


def scientific(value: float) -> str:
    """One decimal and a power of ten.

    >>> scientific(3.21e-12)
    '3.2 × 10⁻¹²'
    """
    mantissa, power = f"{value:.1e}".split("e")
    return f"{mantissa} × {ten_to(int(power))}"


def ten_to(power: int) -> str:
    """
    >>> ten_to(-6)
    '10⁻⁶'
    """
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def percent(value: float) -> str:
    """One decimal, two below 1 %; what is not 0 or 1 is not shown as 0 % or 100 %.

    >>> percent(0.5512), percent(0.0046), percent(0.00001), percent(0.99999), percent(1), percent(0)
    ('55.1%', '0.46%', 'under 0.01%', 'over 99.9%', '100%', '0%')
    """
    if value in (0, 1):
        return f"{value:.0%}"
    if value < 0.00005:
        return "under 0.01%"
    if value >= 0.9995:
        return "over 99.9%"
    return f"{value:.2%}" if value < 0.00995 else f"{value:.1%}"


def tick(value: float) -> str:
    """A percentage on an axis, without decimals it does not need.

    >>> tick(0.5), tick(0.025)
    ('50%', '2.5%')
    """
    return f"{100 * value:.4g}%"


def out_of_100(bound: float) -> int:
    """An upper bound on a share as whole people, rounded up because it is a promise.

    >>> out_of_100(0.551), out_of_100(0.55), out_of_100(1.0)
    (56, 55, 100)
    """
    return min(100, math.ceil(100 * bound - 1e-9))


def count(value: float) -> str:
    """
    >>> count(20190)
    '20,190'
    """
    return f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes in the unit a person would say.

    >>> size(812), size(15_400), size(2_500_000)
    ('812 bytes', '15.4 kB', '2.5 MB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.1f} {unit}"
    return "1 byte" if value == 1 else f"{value:.0f} bytes"


def seconds(value: float) -> str:
    """
    >>> seconds(0.04), seconds(12.34), seconds(754)
    ('under 0.1 s', '12.3 s', '12 min 34 s')
    """
    if value < 0.05:
        return "under 0.1 s"
    if value < 100:
        return f"{value:.1f} s"
    return f"{int(value // 60):,} min {int(value % 60)} s"


def precise(value: float) -> str:
    """The number to eight digits, for the appendix.

    >>> precise(1.996123456789), precise(math.inf), precise(3), precise(2.5e-7)
    ('1.9961235', 'infinite', '3', '2.5e-07')
    """
    return "infinite" if math.isinf(value) else f"{value:.8g}"


def moment(value: str) -> str:
    """An ISO 8601 moment as a date a person reads; any other text stays as it is.

    >>> moment("2026-11-24T11:05:00+00:00"), moment("2026-11-24"), moment("last week")
    ('24 November 2026, 11:05 UTC', '24 November 2026', 'last week')
    """
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return value
    day = f"{read.day} {_MONTHS[read.month - 1]} {read.year}"
    if len(value) <= len("2026-11-24"):
        return day
    zone = f" {read.tzname()}" if read.tzinfo else ""
    return f"{day}, {read:%H:%M}{zone}"
