"""The bill of a study, before any data are opened."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from privet.core.errors import LedgerUnavailable, SpecError, UnknownAccount
from privet.core.guarantees import ApproxDP
from privet.ledger import AccountSpec, Ledger
from privet.ledger.amounts import nothing
from privet.ledger.filter import filter_of
from privet.ledger.ledger import spent_of
from privet.ledger.quote import quote
from privet.ledger.stores.contract import WHOLE, Balance
from privet.study.record import finished_steps, run_folder
from privet.study.steps import PlannedStudy


@dataclass(frozen=True, slots=True)
class BillLine:
    """One step that is charged. ``epsilon`` is None where no guarantee holds; what is ``paid`` is not added again."""

    step: str
    title: str
    guarantee: str
    epsilon: float | None
    delta: float | None
    paid: bool


@dataclass(frozen=True, slots=True)
class Bill:
    """Every line, and what the account's filter says before and after."""

    study: str
    account: str
    epsilon_limit: float
    delta_limit: float
    spent_before: float
    spent_after: float
    guard: str
    fits: bool
    lines: tuple[BillLine, ...]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def bill(planned: PlannedStudy) -> Bill:
    """Price every step, and add those that are not finished to what the account has spent. Writes nothing."""
    balance = _balance(planned)
    limits, before = filter_of(balance.spec), spent_of(balance).epsilon
    total, lines = balance.spent.get(WHOLE, nothing(len(balance.spec.orders))), []
    finished = finished_steps(run_folder(planned.file), digest=planned.file.digest)
    for step in planned.steps:
        if step.event is None:
            continue
        priced = quote(step.event, accounts=(balance.spec,), delta=step.delta)
        if step.name not in finished:
            total = total + priced.charges[0][1]
        point = priced.price.point
        bounded = point if isinstance(point, ApproxDP) else None
        lines.append(
            BillLine(
                step.name,
                step.title,
                str(point),
                float(bounded.epsilon) if bounded else None,
                float(bounded.delta) if bounded else None,
                step.name in finished,
            )
        )
    guard = limits.track(total)
    return Bill(
        study=planned.spec.study.name,
        account=balance.spec.name,
        epsilon_limit=float(balance.spec.epsilon),
        delta_limit=float(balance.spec.delta),
        spent_before=before,
        spent_after=limits.epsilon_spent(total),
        guard=guard or "none",
        fits=guard is not None,
        lines=tuple(lines),
    )


def account_spec(planned: PlannedStudy) -> AccountSpec:
    """The account that the study asks for."""
    budget = planned.spec.budget
    return AccountSpec(
        budget.account,
        unit=planned.spec.data.privacy_unit(),
        relation=budget.relation,
        epsilon=budget.epsilon,
        delta=budget.delta,
        allow_no_guarantee=budget.allow_no_guarantee,
        purpose=budget.purpose,
    )


def require_same_terms(planned: PlannedStudy, found: AccountSpec) -> None:
    """Refuse a study whose account exists with other terms. Errors: SpecError naming the first that differs."""
    wanted = account_spec(planned)
    for term in ("unit", "relation", "epsilon", "delta", "allow_no_guarantee"):
        if getattr(found, term) != getattr(wanted, term):
            raise SpecError(
                f"[budget] account {wanted.name!r} exists with another {term.replace('_', ' ')}; accounts never "
                "change: correct the study, or give it another account"
            )


def _balance(planned: PlannedStudy) -> Balance:
    """The account as it stands, or as it would be made; a ledger that is not there yet is not made."""
    try:
        ledger = Ledger.open(planned.file.ledger_url(), create=False)
    except LedgerUnavailable:
        return Balance(account_spec(planned))
    try:
        balance = ledger.book.balance(planned.spec.budget.account)
        require_same_terms(planned, balance.spec)
        return balance
    except UnknownAccount:
        return Balance(account_spec(planned))
    finally:
        ledger.close()
