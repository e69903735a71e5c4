"""What the strata expect of each other: small protocols, no inheritance."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from privet.core.events import Event
from privet.core.neighbours import PrivacyUnit, Relation

T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class NoiseSource(Protocol):
    """Chance that protects. Handed out by the gate; one call is one draw of the claim's permit."""

    @property
    def noise_class(self) -> str:
        """What kind of generator and arithmetic this is, as a certificate states it."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """``count`` uniformly random bytes."""
        ...

    def discrete_laplace(self, *, scale: Fraction, size: int) -> NDArray[np.int64]:
        """Exact integer draws with P(x) proportional to exp(-|x| / scale)."""
        ...

    def discrete_gaussian(self, *, variance: Fraction, size: int) -> NDArray[np.int64]:
        """Exact integer draws with P(x) proportional to exp(-x^2 / (2 variance))."""
        ...

    def gaussian(self, *, stddev: float, size: int) -> NDArray[np.float64]:
        """Floating-point normal draws, for training; see the decision page on their tails."""
        ...

    def single_normals(self, size: int) -> NDArray[np.float32]:
        """A few standard normal draws in single precision, at most 4,096: for small models, sooner than from a key."""
        ...


@runtime_checkable
class Mechanism(Protocol[T_contra, R_co]):
    """One answer: describes itself (event) and acts (apply); it never counts."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> PrivacyUnit: ...

    @property
    def relation(self) -> Relation: ...

    @property
    def event(self) -> Event: ...

    @property
    def draws(self) -> int:
        """Calls that ``apply`` makes to its noise source: exactly so many."""
        ...

    def apply(self, value: T_contra, noise: NoiseSource) -> R_co: ...


@runtime_checkable
class Plan(Protocol):
    """Work of many steps: one claim for all of them, a fixed number of draws for each."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> PrivacyUnit: ...

    @property
    def relation(self) -> Relation: ...

    @property
    def steps(self) -> int: ...

    @property
    def draws_per_step(self) -> int: ...

    def event_after(self, steps: int) -> Event:
        """What has happened when ``steps`` steps ran; ``event_after(self.steps)`` is the whole plan."""
        ...


class AccountLike(Protocol):
    """What a private value needs to know of its account."""

    @property
    def name(self) -> str: ...


Json = dict[str, Any]
