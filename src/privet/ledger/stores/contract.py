"""What every store must do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from privet.ledger.account import AccountSpec
from privet.ledger.amounts import Amount, nothing
from privet.ledger.chain import Entry
from privet.ledger.claims import Claim, State

# The key under which claims on the whole account, not on one of its parts, are summed.
WHOLE: Final = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's terms and the running sums of its claims, kept so that reserving never re-reads the book.

    ``spent`` has one sum for the whole account (key "") and one for each part that was charged. ``unbounded`` counts
    the claims that have no guarantee.
    """

    spec: AccountSpec
    spent: dict[str, Amount] = field(default_factory=dict)
    claims: int = 0
    unbounded: int = 0

    def total(self, part: str) -> Amount:
        """What a unit of that part has lost: the whole account's claims and its own part's."""
        empty = nothing(len(self.spec.orders))
        whole = self.spent.get(WHOLE, empty)
        return whole if part == WHOLE else whole + self.spent.get(part, empty)

    def to_json(self) -> dict[str, Any]:
        return {
            "spent": {part: amount.to_json() for part, amount in sorted(self.spent.items())},
            "claims": self.claims,
            "unbounded": self.unbounded,
        }

    @classmethod
    def from_json(cls, spec: AccountSpec, body: dict[str, Any]) -> Balance:
        spent = {part: Amount.from_json(amount) for part, amount in body["spent"].items()}
        return cls(spec, spent, body["claims"], body["unbounded"])


class Transaction(Protocol):
    """Everything inside happens at once or not at all; writers exclude each other."""

    def head(self) -> tuple[int, str]: ...

    def append(self, entry: Entry) -> None: ...

    def balance(self, account: str) -> Balance | None: ...

    def balances(self) -> Iterable[Balance]: ...

    def put_balance(self, balance: Balance) -> None: ...

    def claim(self, claim: str) -> Claim | None: ...

    def put_claim(self, claim: Claim) -> None: ...

    def claims(
        self, *, account: str | None = None, state: State | None = None, study: str | None = None
    ) -> Iterator[Claim]: ...

    def entries(self, *, after: int = 0) -> Iterator[Entry]: ...


class Store(Protocol):
    """Errors: LedgerUnavailable if the book cannot be read or written; then nothing has changed."""

    @property
    def location(self) -> str:
        """Where the book is, without any password."""
        ...

    def write(self) -> AbstractContextManager[Transaction]: ...

    def read(self) -> AbstractContextManager[Transaction]: ...

    def close(self) -> None: ...
