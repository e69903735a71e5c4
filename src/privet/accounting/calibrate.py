"""From a target back to the noise, or to the number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from privet.accounting.gaussian_dp import mu_for, mu_of
from privet.accounting.hockey_stick import ratio_deviation
from privet.accounting.leaves import AllocatedLeaf, GaussianLeaf, TruncatedLeaf, leaves_of
from privet.accounting.price import loss_epsilon, price
from privet.core.errors import InvalidParameter, PrivetError
from privet.core.events import Event
from privet.core.guarantees import ApproxDP
from privet.core.neighbours import Relation
from privet.core.units import Delta, Epsilon, NoiseMultiplier

MakeEvent = Callable[[float], Event]
_LEAST, _MOST = 1e-3, 1e7


def calibrate_noise(
    make_event: MakeEvent, *, relation: Relation, epsilon: float, delta: float, tolerance: float = 1e-3
) -> NoiseMultiplier:
    """Smallest noise multiplier whose event keeps (``epsilon``, ``delta``).

    Guarantee: the event of the result, priced as the ledger prices it, is within the target; a multiplier smaller by
    more than ``tolerance`` (relative) is not.
    ``make_event`` turns a noise multiplier into the event of the whole plan.
    Errors: InvalidParameter if no noise below 1e7 is enough, or epsilon or delta cannot be a target.

    >>> from privet.core.events import Gaussian, Repeated
    >>> make = lambda sigma: Repeated(Gaussian(sigma), 100)
    >>> round(calibrate_noise(make, relation=Relation.ADD_OR_REMOVE, epsilon=1, delta=1e-5), 2)
    37.31
    """
    if float(Epsilon(epsilon)) == 0 or float(Delta(delta)) == 0:
        raise InvalidParameter(
            f"epsilon is {epsilon} and delta {delta}; a target for Gaussian noise needs both above 0"
        )
    plain = mu_of(make_event(1.0), relation=relation)
    if plain is not None:
        # Without sampling mu is inversely proportional to the noise, so the exact answer has a closed form; the
        # price is raised by a billionth for rounding, and so is this.
        exact = plain / mu_for(epsilon * (1 - 1e-8), delta=delta)
        shown = math.ceil(exact * 1e9) / 1e9
        if _epsilon(make_event(shown), relation, delta) <= epsilon:
            return NoiseMultiplier(shown)
    found = _search(make_event, relation, epsilon, delta, tolerance)
    return _raised_until_sound(found, make_event, relation, epsilon, delta)


def calibrate_steps(make_event: Callable[[int], Event], *, relation: Relation, epsilon: float, delta: float) -> int:
    """Most steps whose event keeps (``epsilon``, ``delta``); 0 if not even one does.

    >>> from privet.core.events import Gaussian, Repeated
    >>> calibrate_steps(lambda n: Repeated(Gaussian(37.31), n), relation=Relation.ADD_OR_REMOVE, epsilon=1, delta=1e-5)
    100
    """
    low, high = 0, 1
    while _epsilon(make_event(high), relation, delta) <= epsilon:
        low, high = high, 2 * high
        if high > 2**40:
            raise InvalidParameter("more than 2**40 steps keep this target; it is no limit")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _epsilon(make_event(middle), relation, delta) <= epsilon else (low, middle)
    return low


def _search(make_event: MakeEvent, relation: Relation, epsilon: float, delta: float, tolerance: float) -> float:
    """Where the loss distribution meets the target: a coarse grid finds the neighbourhood, the fine one the point."""
    guess = _forecast(make_event, relation, epsilon, delta)
    for coarseness in (8, 1):
        reach = partial(_epsilon_on_grid, make_event, relation, delta, coarseness)
        guess = _secant(reach, epsilon, guess, tolerance / 2 if coarseness == 1 else 4e-3)
    return guess


def _epsilon_on_grid(make_event: MakeEvent, relation: Relation, delta: float, coarseness: int, sigma: float) -> float:
    event = make_event(sigma)
    found = loss_epsilon(event, relation=relation, delta=delta, coarseness=coarseness)
    return found if not math.isinf(found) else _epsilon(event, relation, delta)


def _forecast(make_event: MakeEvent, relation: Relation, epsilon: float, delta: float) -> float:
    """Noise by the central limit theorem: a starting point only, so it need not be sound.

    Reference: Bu, Dong, Long & Su 2020, equation (6).
    """
    target = mu_for(epsilon, delta=delta)
    low, high = _LEAST, _MOST
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _limit_mu(make_event(middle), relation) > target else (low, middle)
    return max(0.2, math.sqrt(low * high))


def _limit_mu(event: Event, relation: Relation) -> float:
    total = 0.0
    for leaf, count in (leaves_of(event, relation=relation) or {}).items():
        if isinstance(leaf, (GaussianLeaf, TruncatedLeaf, AllocatedLeaf)):
            total += count * ratio_deviation(leaf) ** 2
        elif hasattr(leaf, "epsilon"):
            total += count * float(leaf.epsilon) ** 2
    return math.sqrt(total)


def _secant(epsilon_at: Callable[[float], float], target: float, guess: float, tolerance: float) -> float:
    """Solve epsilon_at(sigma) = target in logarithms, where the curve is nearly straight."""
    x = math.log(guess)
    y = math.log(max(1e-12, epsilon_at(guess)) / target)
    slope = -1.0
    for _ in range(25):
        step = max(-1.0, min(1.0, -y / slope))
        if abs(step) < tolerance:
            return math.exp(x + step)
        moved = math.log(max(1e-12, epsilon_at(math.exp(x + step))) / target)
        if moved != y:
            slope = min(-0.05, max(-20.0, (moved - y) / step))
        x, y = x + step, moved
        if not _LEAST < math.exp(x) < _MOST:
            raise InvalidParameter(f"no noise multiplier between {_LEAST:g} and {_MOST:g} keeps epsilon {target:g}")
    return math.exp(x)


def _raised_until_sound(
    sigma: float, make_event: MakeEvent, relation: Relation, epsilon: float, delta: float
) -> NoiseMultiplier:
    """The search may end a hair on the wrong side; the result must not."""
    raised = sigma
    for _ in range(60):
        # Few digits, so that the event in the book is short; rounding up keeps it sound.
        shown = math.ceil(raised * 1e6) / 1e6
        event = make_event(shown)
        # The loss distribution bounds the price and is in the cache; all accountants are asked only if it is too large.
        if (
            loss_epsilon(event, relation=relation, delta=delta) <= epsilon
            or _epsilon(event, relation, delta) <= epsilon
        ):
            return NoiseMultiplier(shown)
        raised *= 1.0002
    raise InvalidParameter(f"no noise multiplier near {sigma:.4g} keeps epsilon {epsilon:g} at delta {delta:g}")


def _epsilon(event: Event, relation: Relation, delta: float) -> float:
    try:
        point = price(event, relation=relation, delta=delta).point
    except PrivetError:
        return math.inf
    return float(point.epsilon) if isinstance(point, ApproxDP) else math.inf
