"""Privacy parameters as values: small, frozen, checked at birth.

Each is a float with a name, so that arithmetic stays ordinary while a signature that asks for a
``NoiseMultiplier`` cannot silently be given a ``NoiseStddev``. None of them has a default anywhere.
"""

from __future__ import annotations

import math
from typing import ClassVar, Self

from privet.core.errors import InvalidParameter


class Quantity(float):
    """A checked, immutable number with a meaning. Not to be used directly."""

    __slots__ = ()
    label: ClassVar[str] = "quantity"
    rule: ClassVar[str] = "a finite number"

    def __new__(cls, value: float) -> Self:
        if isinstance(value, Quantity) and not isinstance(value, cls):
            raise InvalidParameter(f"{cls.label} was given a {value.label}; these are different things")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InvalidParameter(f"{cls.label} is {value!r}; give {cls.rule}") from None
        if not cls.allows(number):
            raise InvalidParameter(f"{cls.label} is {number}; give {cls.rule}")
        return super().__new__(cls, number)

    @classmethod
    def allows(cls, number: float) -> bool:
        return math.isfinite(number)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({float(self)!r})"

    def __str__(self) -> str:
        return repr(float(self))

    def __reduce__(self) -> tuple[type[Self], tuple[float]]:
        return type(self), (float(self),)


class Epsilon(Quantity):
    """Privacy loss bound, in nats.

    >>> Epsilon(1.0) + 0.5
    1.5
    >>> Epsilon(-1)
    Traceback (most recent call last):
    privet.core.errors.InvalidParameter: epsilon is -1.0; give a finite number of at least 0
    """

    __slots__ = ()
    label = "epsilon"
    rule = "a finite number of at least 0"

    @classmethod
    def allows(cls, number: float) -> bool:
        return math.isfinite(number) and number >= 0


class Delta(Quantity):
    """Probability that the epsilon bound fails, no unit.

    >>> Delta(1e-6)
    Delta(1e-06)
    """

    __slots__ = ()
    label = "delta"
    rule = "a number from 0 up to, but not including, 1"

    @classmethod
    def allows(cls, number: float) -> bool:
        return 0 <= number < 1


class Rho(Quantity):
    """Zero-concentrated DP parameter, in nats per order (Bun & Steinke 2016).

    >>> Rho(0.5)
    Rho(0.5)
    """

    __slots__ = ()
    label = "rho"
    rule = "a finite number of at least 0"

    @classmethod
    def allows(cls, number: float) -> bool:
        return math.isfinite(number) and number >= 0


class Mu(Quantity):
    """Gaussian DP parameter: the mean shift of a unit normal (Dong, Roth & Su 2022), no unit.

    >>> Mu(1.0)
    Mu(1.0)
    """

    __slots__ = ()
    label = "mu"
    rule = "a finite number of at least 0"

    @classmethod
    def allows(cls, number: float) -> bool:
        return math.isfinite(number) and number >= 0


class NoiseMultiplier(Quantity):
    """Standard deviation of the noise over the sensitivity (or clip norm), no unit.

    >>> NoiseMultiplier(1.1)
    NoiseMultiplier(1.1)
    """

    __slots__ = ()
    label = "noise_multiplier"
    rule = "a finite number above 0"

    @classmethod
    def allows(cls, number: float) -> bool:
        return math.isfinite(number) and number > 0


class NoiseStddev(Quantity):
    """Standard deviation of the noise, in the unit of the query.

    >>> NoiseStddev(NoiseMultiplier(1.1))
    Traceback (most recent call last):
    privet.core.errors.InvalidParameter: noise_stddev was given a noise_multiplier; these are different things
    """

    __slots__ = ()
    label = "noise_stddev"
    rule = "a finite number above 0"

    @classmethod
    def allows(cls, number: float) -> bool:
        return math.isfinite(number) and number > 0


class ClipNorm(Quantity):
    """Largest norm that one example's contribution may have, in the unit of the gradient.

    >>> ClipNorm(0)
    Traceback (most recent call last):
    privet.core.errors.InvalidParameter: clip_norm is 0.0; give a finite number above 0
    """

    __slots__ = ()
    label = "clip_norm"
    rule = "a finite number above 0"

    @classmethod
    def allows(cls, number: float) -> bool:
        return math.isfinite(number) and number > 0


class SamplingRate(Quantity):
    """Probability that one unit takes part in a step, no unit.

    >>> SamplingRate(1.5)
    Traceback (most recent call last):
    privet.core.errors.InvalidParameter: sampling_rate is 1.5; give a number above 0 and at most 1
    """

    __slots__ = ()
    label = "sampling_rate"
    rule = "a number above 0 and at most 1"

    @classmethod
    def allows(cls, number: float) -> bool:
        return 0 < number <= 1
