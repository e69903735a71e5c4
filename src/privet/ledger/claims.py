"""A claim's life: one table of legal moves."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final

from privet.core.errors import IllegalMove
from privet.ledger.amounts import Amount


class State(enum.StrEnum):
    """Where a claim stands. Reserved and forfeited claims are spent, as committed ones are."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    FORFEITED = "forfeited"


# None is the state of a claim that has only been quoted: the book does not know it yet.
MOVES: Final[dict[State | None, frozenset[State]]] = {
    None: frozenset({State.RESERVED}),
    State.RESERVED: frozenset({State.COMMITTED, State.FORFEITED}),
    State.COMMITTED: frozenset(),
    State.FORFEITED: frozenset(),
}


def require_move(claim: str, old: State | None, new: State) -> None:
    """Refuse a move that the table does not have.

    >>> require_move("c1", State.COMMITTED, State.FORFEITED)
    Traceback (most recent call last):
    privet.core.errors.IllegalMove: claim c1 is committed and cannot become forfeited; a retry is a new claim
    """
    if new not in MOVES[old]:
        raise IllegalMove(f"claim {claim} is {old or 'unknown'} and cannot become {new}; a retry is a new claim")


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as the book holds it: public facts only.

    ``cost`` is on the tracks of ``account``; ``parents`` are the accounts above it that are charged too, each with its
    own cost (their orders may differ). ``steps`` is 1 for a single release; ``drawn`` says for how many steps noise has
    been handed out.
    """

    id: str
    account: str
    name: str
    state: State
    event: dict[str, Any]
    part: str | None
    cost: Amount
    parents: tuple[tuple[str, Amount], ...]
    guarantee: str
    epsilon: float | None
    delta: float | None
    steps: int
    drawn: int
    study: str | None
    guard: str
    reserved_at: str
    digest: str | None = None
    noise_class: str | None = None

    @property
    def charges(self) -> tuple[tuple[str, Amount], ...]:
        """Every account that pays, with what it pays."""
        return ((self.account, self.cost), *self.parents)

    def to_json(self) -> dict[str, Any]:
        body = {name: getattr(self, name) for name in self.__slots__}
        body["state"] = str(self.state)
        body["cost"] = self.cost.to_json()
        body["parents"] = [[name, cost.to_json()] for name, cost in self.parents]
        return body

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Claim:
        fields = dict(body)
        fields["state"] = State(body["state"])
        fields["cost"] = Amount.from_json(body["cost"])
        fields["parents"] = tuple((name, Amount.from_json(cost)) for name, cost in body["parents"])
        return cls(**fields)
