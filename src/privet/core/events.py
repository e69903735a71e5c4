"""What a mechanism did, as accounting sees it: a closed tree of frozen values with a versioned JSON form.

Meanings are frozen for ever: an event is never removed, a parameter is only added if it is optional, and new
behaviour is a new event. Nothing here knows how a mechanism works or what it costs. Every noise scale is stated
relative to the sensitivity under the relation of the account, so that an event means the same everywhere.

Exact mechanisms carry exact rationals; floating-point ones carry floats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from privet.core.errors import InvalidParameter
from privet.core.exact import Real, exact

JSON_VERSION = 1


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidParameter(message)


def _positive(event: object, name: str) -> None:
    """Read a field as an exact positive rational and store it so."""
    value = exact(getattr(event, name), name=name)
    _require(value > 0, f"{name} is {value}; give a number above 0")
    object.__setattr__(event, name, value)


@dataclass(frozen=True, slots=True)
class NoRelease:
    """Nothing that depends on the data left."""


@dataclass(frozen=True, slots=True)
class NotPrivate:
    """Something left without any bound; ``reason`` says what and why."""

    reason: str

    def __post_init__(self) -> None:
        _require(bool(self.reason.strip()), "a release without a guarantee needs a written reason")


@dataclass(frozen=True, slots=True)
class PureLoss:
    """Any epsilon-DP mechanism of which nothing more is said (exponential mechanism, randomised response)."""

    epsilon: Fraction

    def __init__(self, epsilon: Real) -> None:
        object.__setattr__(self, "epsilon", exact(epsilon, name="epsilon"))
        _require(self.epsilon >= 0, f"epsilon is {self.epsilon}; give a number of at least 0")


@dataclass(frozen=True, slots=True)
class ApproxLoss:
    """Any (epsilon, delta)-DP mechanism of which nothing more is said."""

    epsilon: Fraction
    delta: Fraction

    def __init__(self, epsilon: Real, delta: Real) -> None:
        object.__setattr__(self, "epsilon", exact(epsilon, name="epsilon"))
        object.__setattr__(self, "delta", exact(delta, name="delta"))
        _require(self.epsilon >= 0, f"epsilon is {self.epsilon}; give a number of at least 0")
        _require(0 <= self.delta < 1, f"delta is {self.delta}; give a number from 0 up to 1")


@dataclass(frozen=True, slots=True)
class Laplace:
    """Continuous Laplace noise; ``noise_multiplier`` is its scale b over the L1 sensitivity."""

    noise_multiplier: Fraction

    def __init__(self, noise_multiplier: Real) -> None:
        object.__setattr__(self, "noise_multiplier", noise_multiplier)
        _positive(self, "noise_multiplier")


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Continuous Gaussian noise; ``noise_multiplier`` is its standard deviation over the L2 sensitivity."""

    noise_multiplier: Fraction

    def __init__(self, noise_multiplier: Real) -> None:
        object.__setattr__(self, "noise_multiplier", noise_multiplier)
        _positive(self, "noise_multiplier")


@dataclass(frozen=True, slots=True)
class DiscreteLaplace:
    """Integer noise with P(x) proportional to exp(-|x| / scale) on an integer query of the given L1 sensitivity.

    Both are in units of the grid. Reference: Ghosh, Roughgarden & Sundararajan 2012.
    """

    scale: Fraction
    sensitivity: int

    def __init__(self, scale: Real, sensitivity: int) -> None:
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "sensitivity", int(sensitivity))
        _positive(self, "scale")
        _require(self.sensitivity >= 1, f"sensitivity is {sensitivity}; give a whole number of at least 1")


@dataclass(frozen=True, slots=True)
class DiscreteGaussian:
    """Integer noise with P(x) proportional to exp(-x^2 / (2 variance)), per coordinate.

    ``variance`` is sigma squared and ``squared_sensitivity`` the squared L2 sensitivity of the integer query, both
    in squared units of the grid. Reference: Canonne, Kamath & Steinke 2020, Definition 1.
    """

    variance: Fraction
    squared_sensitivity: Fraction

    def __init__(self, variance: Real, squared_sensitivity: Real) -> None:
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "squared_sensitivity", squared_sensitivity)
        _positive(self, "variance")
        _positive(self, "squared_sensitivity")


@dataclass(frozen=True, slots=True)
class PoissonSampled:
    """``event`` applied to a sample in which each unit takes part independently with ``rate``."""

    rate: Fraction
    event: Event

    def __init__(self, rate: Real, event: Event) -> None:
        object.__setattr__(self, "rate", rate)
        object.__setattr__(self, "event", event)
        _positive(self, "rate")
        _require(self.rate <= 1, f"sampling rate is {self.rate}; give a number above 0 and at most 1")


@dataclass(frozen=True, slots=True)
class TruncatedPoissonSampled:
    """``event`` applied to a Poisson sample of ``rate`` from ``units`` places, cut down where it is too large.

    Each place takes part independently with ``rate``; of more than ``most`` a uniformly random subset of that size is
    kept. A place without a unit contributes nothing and counts as one.
    """

    rate: Fraction
    units: int
    most: int
    event: Event

    def __init__(self, rate: Real, units: int, most: int, event: Event) -> None:
        object.__setattr__(self, "rate", rate)
        object.__setattr__(self, "units", int(units))
        object.__setattr__(self, "most", int(most))
        object.__setattr__(self, "event", event)
        _positive(self, "rate")
        _require(self.rate <= 1, f"sampling rate is {self.rate}; give a number above 0 and at most 1")
        _require(self.units >= 1, f"units is {units}; give a whole number of at least 1")
        _require(self.most >= 1, f"most is {most}; give a whole number of at least 1")


@dataclass(frozen=True, slots=True)
class RandomlyAllocated:
    """``steps`` runs of ``event``, one after the other; each unit takes part in one of them.

    Which one is uniform and independent of all other units' ("balls in bins").
    """

    steps: int
    event: Event

    def __init__(self, steps: int, event: Event) -> None:
        object.__setattr__(self, "steps", int(steps))
        object.__setattr__(self, "event", event)
        _require(self.steps >= 1, f"steps is {steps}; give a whole number of at least 1")


@dataclass(frozen=True, slots=True)
class Repeated:
    """``event`` applied ``count`` times, each with fresh noise."""

    event: Event
    count: int

    def __init__(self, event: Event, count: int) -> None:
        object.__setattr__(self, "event", event)
        object.__setattr__(self, "count", int(count))
        _require(self.count >= 0, f"count is {count}; give a whole number of at least 0")


@dataclass(frozen=True, slots=True)
class Composed:
    """Several events on the same data, one after the other."""

    events: tuple[Event, ...]

    def __init__(self, events: tuple[Event, ...] | list[Event]) -> None:
        object.__setattr__(self, "events", tuple(events))


Event: TypeAlias = (
    NoRelease
    | NotPrivate
    | PureLoss
    | ApproxLoss
    | Laplace
    | Gaussian
    | DiscreteLaplace
    | DiscreteGaussian
    | PoissonSampled
    | TruncatedPoissonSampled
    | RandomlyAllocated
    | Repeated
    | Composed
)

# The tag of an event in JSON. Never rename one: books written years ago hold them.
_TAGS: dict[str, type] = {
    "no-release": NoRelease,
    "not-private": NotPrivate,
    "pure-loss": PureLoss,
    "approx-loss": ApproxLoss,
    "laplace": Laplace,
    "gaussian": Gaussian,
    "discrete-laplace": DiscreteLaplace,
    "discrete-gaussian": DiscreteGaussian,
    "poisson-sampled": PoissonSampled,
    "truncated-poisson-sampled": TruncatedPoissonSampled,
    "randomly-allocated": RandomlyAllocated,
    "repeated": Repeated,
    "composed": Composed,
}
_NAMES = {kind: tag for tag, kind in _TAGS.items()}


def to_json(event: Event) -> dict[str, Any]:
    """Write an event as plain JSON; rationals become exact strings.

    >>> to_json(Repeated(Gaussian(1.5), 10))
    {'event': 'repeated', 'of': {'event': 'gaussian', 'noise_multiplier': '3/2'}, 'count': 10}
    """
    body: dict[str, Any] = {"event": _NAMES[type(event)]}
    for name in getattr(event, "__dataclass_fields__", {}):
        value = getattr(event, name)
        if name == "event":
            body["of"] = to_json(value)
        elif name == "events":
            body["events"] = [to_json(part) for part in value]
        else:
            body[name] = str(value) if isinstance(value, Fraction) else value
    return body


def from_json(body: dict[str, Any]) -> Event:
    """Read an event back by its explicit tag; nothing is imported by name.

    Errors: InvalidParameter for an unknown tag or a missing field.

    >>> from_json({"event": "gaussian", "noise_multiplier": "3/2"})
    Gaussian(noise_multiplier=Fraction(3, 2))
    """
    tag = body.get("event")
    if tag not in _TAGS:
        raise InvalidParameter(f"unknown event tag {tag!r}; this version knows {sorted(_TAGS)}")
    kind = _TAGS[tag]
    fields: dict[str, Any] = {name: value for name, value in body.items() if name not in ("event", "of", "events")}
    if "of" in body:
        fields["event"] = from_json(body["of"])
    if "events" in body:
        fields["events"] = tuple(from_json(part) for part in body["events"])
    try:
        made: Event = kind(**fields)
    except TypeError:
        raise InvalidParameter(f"event {tag!r} has fields {sorted(fields)}, which do not fit it") from None
    return made


def leaves(event: Event) -> list[Event]:
    """Every basic event of the tree, without how often it happens.

    >>> leaves(Composed([Gaussian(1), Repeated(Laplace(2), 3)]))
    [Gaussian(noise_multiplier=Fraction(1, 1)), Laplace(noise_multiplier=Fraction(2, 1))]
    """
    if isinstance(event, Composed):
        return [leaf for part in event.events for leaf in leaves(part)]
    if isinstance(event, (Repeated, PoissonSampled, TruncatedPoissonSampled, RandomlyAllocated)):
        return leaves(event.event)
    return [event]


def is_private(event: Event) -> bool:
    """Whether every part of the event has some bound.

    >>> is_private(Composed([Gaussian(1), NotPrivate("a table")]))
    False
    """
    return not any(isinstance(leaf, NotPrivate) for leaf in leaves(event))


EventFactory: TypeAlias = Callable[[float], Event]
