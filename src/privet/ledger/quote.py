"""What a claim would cost: worked out before any transaction and before any data are opened."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction

from privet.accounting.price import Price, price
from privet.accounting.renyi import renyi_curve
from privet.core.errors import AccountMismatch, BudgetRefused, UnsupportedEvent
from privet.core.events import Event, is_private
from privet.core.exact import exact, float_down
from privet.core.guarantees import ApproxDP
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger.account import AccountSpec
from privet.ledger.amounts import Amount, delta_units, epsilon_units, nothing, renyi_units
from privet.ledger.filter import claim_delta


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of an event and its cost on each account that would pay, the claim's own account first."""

    price: Price
    charges: tuple[tuple[str, Amount], ...]

    @property
    def bounded(self) -> bool:
        return isinstance(self.price.point, ApproxDP)


def quote(event: Event, *, accounts: tuple[AccountSpec, ...], delta: float | Fraction | None) -> Quote:
    """Price an event for an account and its parents.

    ``delta`` is where the event is priced for basic composition; None takes the account's usual share.
    Errors: AccountMismatch if the event has no guarantee and an account does not allow that; UnsupportedEvent.
    """
    own = accounts[0]
    if not is_private(event):
        _require_no_guarantee_allowed(accounts)
        free = tuple((spec.name, nothing(len(spec.orders))) for spec in accounts)
        return Quote(price(event, relation=own.relation, delta=0.0), free)
    asked = claim_delta(own) if delta is None else exact(delta, name="delta")
    try:
        priced = price(event, relation=own.relation, delta=float_down(asked))
    except UnsupportedEvent:
        if asked > 0:
            raise
        raise BudgetRefused(
            f"account {own.name!r} has no delta, and this mechanism has no bound without one; nothing was opened. "
            "Use a pure mechanism (Laplace noise), or an account with a delta"
        ) from None
    return Quote(priced, tuple((spec.name, amount(event, spec=spec, priced=priced)) for spec in accounts))


def amount(event: Event, *, spec: AccountSpec, priced: Price) -> Amount:
    """The cost of a priced event on every track of one account."""
    renyi = renyi_amount(event, spec=spec).renyi
    if priced.pure_epsilon is not None:
        return Amount(epsilon_units(priced.pure_epsilon), 0, renyi)
    if not isinstance(priced.point, ApproxDP):
        return Amount(None, 0, renyi)
    epsilon = epsilon_units(Fraction(float(priced.point.epsilon)))
    return Amount(epsilon, delta_units(Fraction(float(priced.point.delta))), renyi)


def renyi_amount(event: Event, *, spec: AccountSpec) -> Amount:
    """The cost of an event on the Renyi tracks alone."""
    return Amount(None, 0, tuple(renyi_units(value) for value in _curve(event, spec.relation, spec.orders)))


@functools.lru_cache(maxsize=1024)
def _curve(event: Event, relation: Relation, orders: tuple[float, ...]) -> tuple[float, ...]:
    return renyi_curve(event, relation=relation, orders=orders).epsilons


def _require_no_guarantee_allowed(accounts: tuple[AccountSpec, ...]) -> None:
    for spec in accounts:
        if not spec.allow_no_guarantee:
            raise BudgetRefused(
                f"account {spec.name!r} does not allow releases without a guarantee; nothing was opened. "
                "Use a mechanism with a guarantee, or an account made with allow_no_guarantee"
            )


def require_same_promise(spec: AccountSpec, *, name: str, unit: PrivacyUnit, relation: Relation) -> None:
    """Refuse to mix privacy units or neighbouring relations inside an account.

    Errors: AccountMismatch, naming both.
    """
    if unit != spec.unit:
        raise AccountMismatch(
            f"{name!r} protects {unit.describe()}, account {spec.name!r} protects {spec.unit.describe()}; "
            "nothing was opened. Make the mechanism for the account's unit"
        )
    if relation is not spec.relation:
        raise AccountMismatch(
            f"{name!r} is made for {relation}, account {spec.name!r} counts under {spec.relation}; "
            "nothing was opened. Make the mechanism for the account's relation"
        )
