"""What may be told of an account: its book as JSON, and the public fields of a deployment registry entry."""

from __future__ import annotations

from collections import Counter
from typing import Any

from privet._version import __version__
from privet.accounting.curve import privacy_curve
from privet.accounting.price import price
from privet.core.errors import UnsupportedEvent
from privet.core.events import Composed, Event, NoRelease, Repeated, from_json, is_private
from privet.core.guarantees import ApproxDP
from privet.ledger.book import Book, now
from privet.ledger.chain import canonical
from privet.ledger.claims import Claim
from privet.ledger.ledger import spent_of
from privet.ledger.stores.contract import Balance

EXPORT_VERSION = 1


def joint_event(claims: list[Claim]) -> Event:
    """Everything that was claimed with a guarantee, as one event; equal events are counted, not repeated."""
    counted: Counter[str] = Counter(canonical(claim.event) for claim in claims)
    kinds = {canonical(claim.event): from_json(claim.event) for claim in claims}
    parts: list[Event] = [
        Repeated(kinds[text], count) if count > 1 else kinds[text]
        for text, count in sorted(counted.items())
        if is_private(kinds[text])
    ]
    return Composed(parts) if parts else NoRelease()


def joint_epsilon(book: Book, account: str) -> float | None:
    """Tightest epsilon at the account's delta for all its claims taken together.

    Guarantee: valid only if the claims were fixed in advance, not chosen by looking at earlier answers; the filter's
    figure (``Account.spent``) holds for any way of choosing. None where no accountant prices the mixture.
    """
    balance = book.balance(account)
    return _joint_epsilon(balance, book.claims(account=account))


def _joint_epsilon(balance: Balance, claims: list[Claim]) -> float | None:
    try:
        point = price(joint_event(claims), relation=balance.spec.relation, delta=float(balance.spec.delta)).point
    except UnsupportedEvent:
        return None
    return float(point.epsilon) if isinstance(point, ApproxDP) else None


def export(book: Book, account: str) -> dict[str, Any]:
    """The account as JSON: terms, sums, every claim, and the registry entry."""
    balance = book.balance(account)
    claims = book.claims(account=account)
    return {
        "privet_export": EXPORT_VERSION,
        "exported_at": now(),
        "ledger": book.store.location,
        "account": balance.spec.to_json(),
        "sums": balance.to_json(),
        "claims": [claim.to_json() for claim in claims],
        "registry_entry": registry_entry(balance, claims),
    }


def registry_entry(balance: Balance, claims: list[Claim]) -> dict[str, Any]:
    """What a claim of differential privacy must state.

    Reference: Near, Darais, Lefkovitz & Howarth 2025, NIST SP 800-226, sections 2 and 3.
    """
    spec, spent = balance.spec, spent_of(balance)
    return {
        "name": spec.name,
        "purpose": spec.purpose,
        "definition": "(epsilon, delta)-differential privacy",
        "epsilon": spent.epsilon if spent.epsilon != float("inf") else None,
        "epsilon_limit": spent.epsilon_limit,
        "delta": spent.delta,
        "epsilon_if_fixed_in_advance": _joint_epsilon(balance, claims),
        "privacy_curve": _curve_points(balance, claims),
        "privacy_unit": spec.unit.describe(),
        "neighbouring_relation": spec.relation.describe(spec.unit.name),
        "contribution_bound": f"{spec.unit.max_rows} row(s) for each {spec.unit.name}",
        "trust_model": spec.trust_model,
        "released": [
            {"claim": claim.id, "name": claim.name, "state": str(claim.state), "guarantee": claim.guarantee}
            for claim in claims
        ],
        "composition": f"privacy filter, tracks in parallel; now guarded by {spent.guard}",
        "without_guarantee": spent.unbounded,
        "accountant": f"privet {__version__} over dp-accounting {_accountant_version()}",
        "noise": sorted({claim.noise_class for claim in claims if claim.noise_class}),
        "tuning_cost": _matching(claims, "tuning") or "no tuning run was charged to this account",
        "audits": _matching(claims, "audit") or "no audit was charged to this account",
    }


def _curve_points(balance: Balance, claims: list[Claim]) -> list[dict[str, float]]:
    try:
        curve = privacy_curve(joint_event(claims), relation=balance.spec.relation)
    except UnsupportedEvent:
        return []
    return [{"epsilon": e, "delta": float(curve.delta(e))} for e in (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)]


def _matching(claims: list[Claim], word: str) -> list[str]:
    return [f"{claim.name}: {claim.guarantee}" for claim in claims if word in claim.name]


def _accountant_version() -> str:
    from importlib.metadata import version

    return version("dp-accounting")
