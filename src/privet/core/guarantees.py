"""What a set of events adds up to. Values only: converting between them is accounting's work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from privet.core.errors import InvalidParameter
from privet.core.units import Delta, Epsilon, Mu, Rho


@dataclass(frozen=True, slots=True)
class PureDP:
    """epsilon-DP: for all neighbours and all sets S, P(S) <= exp(epsilon) Q(S).

    Reference: Dwork, McSherry, Nissim & Smith 2006, Definition 1.

    >>> str(PureDP(Epsilon(1)))
    'epsilon 1'
    """

    epsilon: Epsilon

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:.4g}"


@dataclass(frozen=True, slots=True)
class ApproxDP:
    """(epsilon, delta)-DP: P(S) <= exp(epsilon) Q(S) + delta.

    Reference: Dwork, Kenthapadi, McSherry, Mironov & Naor 2006, Definition 1.

    >>> str(ApproxDP(Epsilon(1), Delta(1e-6)))
    'epsilon 1 at delta 1e-06'
    """

    epsilon: Epsilon
    delta: Delta

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:.4g} at delta {self.delta:.3g}"


@dataclass(frozen=True, slots=True)
class ZCDP:
    """rho-zCDP: Renyi divergence of order a at most rho * a, for all a > 1.

    Reference: Bun & Steinke 2016, Definition 1.1.
    """

    rho: Rho

    def __str__(self) -> str:
        return f"rho {self.rho:.4g} (zCDP)"


@dataclass(frozen=True, slots=True)
class GaussianDP:
    """mu-GDP: no easier to tell neighbours apart than N(0, 1) from N(mu, 1).

    Reference: Dong, Roth & Su 2022, Definition 4.
    """

    mu: Mu

    def __str__(self) -> str:
        return f"mu {self.mu:.4g} (Gaussian DP)"


@dataclass(frozen=True, slots=True)
class RenyiCurve:
    """Renyi divergence bound at each order.

    Shapes: ``orders`` and ``epsilons`` have equal length; orders are above 1 and rise strictly.
    Reference: Mironov 2017, Definition 4.

    >>> RenyiCurve((2.0, 4.0), (0.5, 1.0)).at(4.0)
    1.0
    """

    orders: tuple[float, ...]
    epsilons: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.orders) != len(self.epsilons) or not self.orders:
            raise InvalidParameter(f"{len(self.orders)} orders but {len(self.epsilons)} values; give one each")
        rising = all(a < b for a, b in zip(self.orders, self.orders[1:], strict=False))
        if not rising or self.orders[0] <= 1:
            raise InvalidParameter("Renyi orders must be above 1 and rise strictly")
        if any(math.isnan(e) or e < 0 for e in self.epsilons):
            raise InvalidParameter("Renyi values must be numbers of at least 0 (infinity is allowed)")

    def at(self, order: float) -> float:
        return self.epsilons[self.orders.index(order)]

    def __str__(self) -> str:
        return f"Renyi curve over {len(self.orders)} orders"


@dataclass(frozen=True, slots=True)
class NoGuarantee:
    """No bound holds, and why. Wherever it is shown, it is shown as such.

    >>> str(NoGuarantee("a de-identified table"))
    'no guarantee (a de-identified table)'
    """

    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidParameter("a release without a guarantee needs a written reason")

    def __str__(self) -> str:
        return f"no guarantee ({self.reason})"


Guarantee: TypeAlias = PureDP | ApproxDP | ZCDP | GaussianDP | RenyiCurve | NoGuarantee
