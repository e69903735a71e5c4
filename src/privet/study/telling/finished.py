"""What the tellers read: the plan of a study, what its steps left behind, and the account's book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from privet.core.receipts import Receipt
from privet.ledger import Ledger
from privet.ledger.claims import Claim
from privet.ledger.stores.contract import Balance
from privet.study.record import Record, StepRecord
from privet.study.report.model import Withheld
from privet.study.steps import PlannedStudy

LABORATORY_LABEL = "laboratory figure, read from the data itself, outside the guarantee"


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished study. Nothing here is private beyond what its claims let out."""

    planned: PlannedStudy
    record: Record
    ledger: Ledger

    @property
    def unit(self) -> str:
        return self.planned.spec.data.privacy_unit().name

    @property
    def balance(self) -> Balance:
        return self.ledger.book.balance(self.planned.spec.budget.account)

    @property
    def claims(self) -> list[Claim]:
        return self.ledger.book.claims(account=self.planned.spec.budget.account)

    def step(self, name: str) -> StepRecord | Withheld:
        """What a step left behind, or why it left nothing."""
        found = self.record.finished(name)
        if found is None:
            return Withheld("the study does not ask for it")
        if found.status != "done":
            return Withheld(self.planned.step(name).withheld or found.status)
        return found

    def result(self, name: str) -> dict[str, Any] | Withheld:
        found = self.step(name)
        return found if isinstance(found, Withheld) else found.result

    def receipts(self, name: str) -> tuple[Receipt, ...]:
        found = self.step(name)
        return () if isinstance(found, Withheld) else tuple(Receipt.from_json(body) for body in found.receipts)
