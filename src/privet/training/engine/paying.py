"""Whose budget a loop spends: the user's account, or one of this process alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from torch.utils.data import DataLoader

from privet.core.sealed import Private
from privet.ledger import Account, Ledger
from privet.ledger.account import AccountSpec
from privet.training.engine.steps import OpenRun
from privet.training.training_plan import TrainingPlan

# For a loop that states no end: it counts, and guards nothing.
_OPEN_ENDED: dict[str, Any] = {"epsilon": 10**9, "delta": Fraction(1, 10**5)}


def opening(
    plan: TrainingPlan, loader: DataLoader[Any], account: Account | None, *, delta: float | None, claim: str | None
) -> OpenRun:
    """How claims are begun; without an account, in one of this process alone that guards nothing."""
    paying = account if account is not None else own_account(plan, **_OPEN_ENDED)
    sealed = Private.wrap(loader.dataset, account=paying.name)
    return lambda plan: paying.open(plan, sealed, delta=delta, resume=claim)


def terms_of(account: Account | None, *, own: Account | None) -> tuple[AccountSpec | None, bool]:
    """What the payer asks of a plan, and whether the loop pays for itself."""
    return (None, True) if account is None else (account.spec, account is own)


def own_account(plan: TrainingPlan, **size: Any) -> Account:
    return Ledger.in_memory().create_account("loop", unit=plan.unit, relation=plan.relation, **size)
