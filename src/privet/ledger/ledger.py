"""The ledger and its accounts, as their users hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self, TypeVar

from privet.core.exact import Real, exact
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger.account import AccountSpec, Composition
from privet.ledger.amounts import DELTA_DIGITS
from privet.ledger.book import Book
from privet.ledger.claims import Claim, State
from privet.ledger.filter import filter_of
from privet.ledger.stores.contract import Balance
from privet.ledger.stores.opening import open_store

if TYPE_CHECKING:
    from privet.core.protocols import Mechanism, Plan
    from privet.core.sealed import Private, Release
    from privet.ledger.gate import Run
    from privet.ledger.verify import Verification

T = TypeVar("T")
R = TypeVar("R")


class Ledger:
    """The durable book of accounts and claims.

    >>> ledger = Ledger.in_memory()
    >>> person = PrivacyUnit("person")
    >>> account = ledger.create_account("people", unit=person, relation=Relation.ADD_OR_REMOVE, epsilon=1, delta=0)
    >>> account.spent().epsilon
    0.0
    """

    __slots__ = ("book",)

    def __init__(self, book: Book) -> None:
        self.book = book

    @classmethod
    def open(cls, url: str, *, timeout: float = 30.0, create: bool = True) -> Self:
        """Open the ledger at ``sqlite:///file.db``, ``postgresql+psycopg://user@host/name`` or ``memory:``.

        ``timeout`` is how long, in seconds, to wait for another writer. Errors: LedgerUnavailable, InvalidParameter.
        """
        return cls(Book(open_store(url, timeout=timeout, create=create)))

    @classmethod
    def in_memory(cls) -> Self:
        """A ledger for this process alone, gone when it ends."""
        return cls.open("memory:")

    def create_account(
        self,
        name: str,
        *,
        unit: PrivacyUnit,
        relation: Relation,
        epsilon: Real,
        delta: Real,
        composition: Composition = Composition.ADAPTIVE,
        **terms: Any,
    ) -> Account:
        """Make an account; its terms never change afterwards. ``terms`` are the other fields of ``AccountSpec``."""
        spec = AccountSpec(
            name,
            unit=unit,
            relation=relation,
            epsilon=exact(epsilon, name="epsilon"),
            delta=exact(delta, name="delta"),
            composition=composition,
            **terms,
        )
        self.book.create(spec)
        return Account(self, name)

    def account(self, name: str) -> Account:
        """The account of that name. Errors: UnknownAccount, listing those there are."""
        self.book.balance(name)
        return Account(self, name)

    def accounts(self) -> list[Account]:
        return [Account(self, balance.spec.name) for balance in self.book.balances()]

    def verify(self) -> Verification:
        """Check the whole book: chain, sums and claims. See ``privet.ledger.verify``."""
        from privet.ledger.verify import verify

        return verify(self.book.store)

    def close(self) -> None:
        """Give back the store's connections; also done at the end of a ``with`` block."""
        self.book.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Spent:
    """What an account has spent, as its filter counts it.

    ``epsilon`` holds at the account's ``delta`` for everything claimed so far, however it was chosen (infinite if the
    limit is reached on every track). ``basic_epsilon`` and ``basic_delta`` are the plain sums. ``unbounded`` counts
    claims without any guarantee, which no epsilon covers.
    """

    epsilon: float
    epsilon_limit: float
    delta: float
    basic_epsilon: float | None
    basic_delta: float
    claims: int
    unbounded: int
    guard: str

    @property
    def epsilon_left(self) -> float:
        return max(0.0, self.epsilon_limit - self.epsilon)


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a ledger: the way to the gate."""

    ledger: Ledger
    name: str

    @property
    def spec(self) -> AccountSpec:
        return self.ledger.book.balance(self.name).spec

    def seal(self, value: T) -> Private[T]:
        """Seal a value that belongs to this account."""
        return self.seal_source(lambda: value)

    def seal_source(self, load: Callable[[], T]) -> Private[T]:
        """Seal data that the gate will load only after a claim is reserved."""
        from privet.core.sealed import Private

        return Private(load, account=self.name)

    def release(
        self,
        mechanism: Mechanism[T, R],
        private: Private[T],
        *,
        delta: float | Fraction | None = None,
        part: str | None = None,
        study: str | None = None,
    ) -> Release[R]:
        """Answer once through the gate. See ``privet.ledger.gate.release``."""
        from privet.ledger import gate

        return gate.release(self.ledger.book, self.name, mechanism, private, delta=delta, part=part, study=study)

    def open(
        self,
        plan: Plan,
        private: Private[T],
        *,
        delta: float | Fraction | None = None,
        part: str | None = None,
        study: str | None = None,
        resume: str | None = None,
    ) -> Run[T]:
        """Begin work of many steps under one claim. See ``privet.ledger.gate.open_plan``."""
        from privet.ledger import gate

        return gate.open_plan(
            self.ledger.book, self.name, plan, private, delta=delta, part=part, study=study, resume=resume
        )

    def allot(self, name: str, *, epsilon: Real, delta: Real, **terms: Any) -> Account:
        """Make an allotment below this account, for an analyst, a purpose or a time; its claims must fit both."""
        spec = self.spec
        return self.ledger.create_account(
            name, unit=spec.unit, relation=spec.relation, epsilon=epsilon, delta=delta, parent=self.name, **terms
        )

    def spent(self) -> Spent:
        """What has been spent, in total and for the part where least is left."""
        return spent_of(self.ledger.book.balance(self.name))

    def history(self, *, state: State | None = None) -> list[Claim]:
        """Every claim that this account has paid for, oldest first."""
        return self.ledger.book.claims(account=self.name, state=state)


def spent_of(balance: Balance) -> Spent:
    """Read an account's sums through its filter."""
    spec, limits = balance.spec, filter_of(balance.spec)
    totals = [balance.total(part) for part in ("", *spec.parts)]
    worst = max(totals, key=limits.epsilon_spent)
    epsilon, guard = limits.tightest(worst)
    basic = None if worst.epsilon is None else worst.epsilon / 10**18
    return Spent(
        epsilon=epsilon,
        epsilon_limit=float(spec.epsilon),
        delta=float(spec.delta),
        basic_epsilon=basic,
        basic_delta=worst.delta / 10**DELTA_DIGITS,
        claims=balance.claims,
        unbounded=balance.unbounded,
        guard=guard or "none",
    )
