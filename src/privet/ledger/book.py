"""The book: reserve, journal, commit, forfeit. It counts and remembers; it never touches data."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from privet.core.errors import BudgetRefused, IllegalMove, InvalidParameter, LedgerError, UnknownAccount
from privet.core.events import Event, to_json
from privet.core.guarantees import ApproxDP
from privet.ledger.account import AccountSpec
from privet.ledger.amounts import Amount, nothing
from privet.ledger.chain import Entry, link
from privet.ledger.claims import Claim, State, require_move
from privet.ledger.filter import filter_of
from privet.ledger.quote import Quote, quote, renyi_amount
from privet.ledger.stores.contract import WHOLE, Balance, Store, Transaction


def now() -> str:
    """The time in UTC, as the book writes it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants to do: public facts only."""

    account: str
    name: str
    event: Event
    delta: float | Fraction | None = None
    part: str | None = None
    steps: int = 1
    study: str | None = None


class Book:
    """Accounts and claims over a store.

    Guarantee: the sums of an account never exceed what its filter admits, for any number of processes and any
    crash, because a claim is checked and written in one exclusive transaction before anything is opened, and only
    early-stopped steps of a committed plan are ever given back (to the Renyi tracks).
    """

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def store(self) -> Store:
        return self._store

    # Accounts

    def create(self, spec: AccountSpec) -> AccountSpec:
        """Add an account. Errors: InvalidParameter if the name is taken or the parent does not fit it."""
        with self._store.write() as book:
            if book.balance(spec.name) is not None:
                raise InvalidParameter(f"account {spec.name!r} exists already; accounts are never changed")
            if spec.parent is not None:
                _check_allotment(spec, self._require(book, spec.parent).spec)
            self._write(book, "account-created", account=spec.name, claim=None, body={"spec": spec.to_json()})
            book.put_balance(Balance(spec))
        return spec

    def balance(self, account: str) -> Balance:
        """Terms and sums of an account. Errors: UnknownAccount."""
        with self._store.read() as book:
            return self._require(book, account)

    def balances(self) -> list[Balance]:
        with self._store.read() as book:
            return list(book.balances())

    def family(self, account: str) -> tuple[AccountSpec, ...]:
        """The account and every account above it, nearest first."""
        with self._store.read() as book:
            return tuple(balance.spec for balance in self._family(book, account))

    # Claims

    def reserve(self, request: Request) -> Claim:
        """Write a claim durably, if it fits the account and all its parents; else refuse and write nothing.

        Errors: BudgetRefused, UnknownAccount, UnsupportedEvent, LedgerUnavailable.
        """
        priced = quote(request.event, accounts=self.family(request.account), delta=request.delta)
        with self._store.write() as book:
            family = self._family(book, request.account)
            self._check_open(request, family)
            grown = [_charge(balance, request, priced) for balance in family]
            guards = [_admit(balance, request, priced) for balance in grown]
            claim = _claim(request, priced, guard=guards[0], seq=book.head()[0] + 1)
            self._write(book, "reserved", account=claim.account, claim=claim.id, body=claim.to_json())
            book.put_claim(claim)
            for balance in grown:
                book.put_balance(balance)
        return claim

    def journal(self, claim: str, *, drawn: int) -> None:
        """Write durably that noise for the first ``drawn`` steps counts as handed out."""
        with self._store.write() as book:
            old = self._reserved(book, claim)
            if not old.drawn <= drawn <= old.steps:
                raise IllegalMove(f"claim {claim} has {old.drawn} of {old.steps} steps drawn; it cannot go to {drawn}")
            self._write(book, "drawn", account=old.account, claim=claim, body={"drawn": drawn})
            book.put_claim(dataclasses.replace(old, drawn=drawn))

    def commit(
        self, claim: str, *, digest: str, noise_class: str, ran: Event | None = None, steps: int | None = None
    ) -> tuple[Claim, Entry]:
        """Write that the release happened. ``ran`` is the event of the steps that really ran, if fewer than planned."""
        costs = self._ran_costs(claim, ran)
        with self._store.write() as book:
            old = self._reserved(book, claim, State.COMMITTED)
            new = dataclasses.replace(old, state=State.COMMITTED, digest=digest, noise_class=noise_class)
            if ran is not None:
                new = dataclasses.replace(new, event=to_json(ran), drawn=steps or 0)
                new = self._settle(book, new, costs)
            body = {"digest": digest, "noise_class": noise_class, "event": new.event, "drawn": new.drawn}
            settled = {"charges": [[name, cost.to_json()] for name, cost in new.charges]}
            entry = self._write(book, "committed", account=new.account, claim=claim, body={**body, **settled})
            book.put_claim(new)
        return new, entry

    def forfeit(self, claim: str, *, reason: str) -> Claim:
        """Write that nothing came of the claim. It stays spent."""
        with self._store.write() as book:
            old = self._reserved(book, claim, State.FORFEITED)
            new = dataclasses.replace(old, state=State.FORFEITED)
            self._write(book, "forfeited", account=old.account, claim=claim, body={"reason": reason})
            book.put_claim(new)
        return new

    def claim(self, claim: str) -> Claim:
        with self._store.read() as book:
            return self._known(book, claim)

    def claims(
        self, *, account: str | None = None, state: State | None = None, study: str | None = None
    ) -> list[Claim]:
        with self._store.read() as book:
            return list(book.claims(account=account, state=state, study=study))

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        with self._store.read() as book:
            yield from book.entries(after=after)

    # Inside a transaction

    def _ran_costs(self, claim: str, ran: Event | None) -> dict[str, Amount]:
        """Cost of the steps that ran, worked out before the transaction because it may take a while."""
        if ran is None:
            return {}
        return {spec.name: renyi_amount(ran, spec=spec) for spec in self.family(self.claim(claim).account)}

    def _settle(self, book: Transaction, claim: Claim, costs: dict[str, Amount]) -> Claim:
        """Give unused steps of a plan back to the Renyi tracks (decision 004)."""
        charges = []
        for name, planned in claim.charges:
            balance = self._require(book, name)
            part = _part(claim.part, own=name == claim.account)
            spent = balance.spent[part].settle(planned=planned, ran=costs[name])
            book.put_balance(dataclasses.replace(balance, spent={**balance.spent, part: spent}))
            charges.append((name, planned.settle(planned=planned, ran=costs[name])))
        return dataclasses.replace(claim, cost=charges[0][1], parents=tuple(charges[1:]))

    def _family(self, book: Transaction, account: str) -> tuple[Balance, ...]:
        found = [self._require(book, account)]
        while found[-1].spec.parent is not None:
            found.append(self._require(book, found[-1].spec.parent))
        return tuple(found)

    def _require(self, book: Transaction, account: str) -> Balance:
        balance = book.balance(account)
        if balance is None:
            known = ", ".join(repr(item.spec.name) for item in book.balances()) or "none yet"
            raise UnknownAccount(f"the ledger at {self._store.location} has no account {account!r}; it has: {known}")
        return balance

    def _known(self, book: Transaction, claim: str) -> Claim:
        found = book.claim(claim)
        if found is None:
            raise LedgerError(f"the ledger at {self._store.location} has no claim {claim!r}")
        return found

    def _reserved(self, book: Transaction, claim: str, target: State = State.COMMITTED) -> Claim:
        found = self._known(book, claim)
        require_move(claim, found.state, target)
        return found

    def _check_open(self, request: Request, family: tuple[Balance, ...]) -> None:
        today = datetime.datetime.now(datetime.UTC).date()
        for balance in family:
            if not balance.spec.is_open(today):
                raise BudgetRefused(
                    f"account {balance.spec.name!r} takes claims from {balance.spec.opens or 'always'} to "
                    f"{balance.spec.closes or 'always'}, today is {today}; nothing was opened"
                )
        if request.part is not None and request.part not in family[0].spec.parts:
            raise BudgetRefused(
                f"account {request.account!r} has no part {request.part!r}; parts are declared when it is made "
                f"(it has: {', '.join(family[0].spec.parts) or 'none'})"
            )

    def _write(
        self, book: Transaction, kind: str, *, account: str, claim: str | None, body: dict[str, object]
    ) -> Entry:
        entry = link(book.head(), at=now(), kind=kind, account=account, claim=claim, body=body)
        book.append(entry)
        return entry


def _part(part: str | None, *, own: bool) -> str:
    """Parts belong to the account that declared them; above it the claim counts against everybody."""
    return part if part is not None and own else WHOLE


def _charge(balance: Balance, request: Request, priced: Quote) -> Balance:
    part = _part(request.part, own=balance.spec.name == request.account)
    charged = dict(priced.charges)[balance.spec.name]
    before = balance.spent.get(part, nothing(len(balance.spec.orders)))
    return dataclasses.replace(
        balance,
        spent={**balance.spent, part: before + charged},
        claims=balance.claims + 1,
        unbounded=balance.unbounded + (not priced.bounded),
    )


def _admit(balance: Balance, request: Request, priced: Quote) -> str:
    """The track that admits the grown sums, for the part where least is left. Errors: BudgetRefused."""
    if not priced.bounded:
        return "none: no guarantee"
    limits = filter_of(balance.spec)
    charged = request.part if request.part is not None and balance.spec.name == request.account else None
    parts = [charged] if charged is not None else [*balance.spec.parts, WHOLE]
    guard = ""
    for part in parts:
        track = limits.track(balance.total(part))
        if track is None:
            raise BudgetRefused(_refusal(balance, request, priced))
        guard = guard or track
    return guard


def _refusal(balance: Balance, request: Request, priced: Quote) -> str:
    spec = balance.spec
    return (
        f"{request.name!r} ({priced.price.point}) does not fit account {spec.name!r} "
        f"(epsilon {float(spec.epsilon):g} at delta {float(spec.delta):g}) beside what is spent; nothing was opened. "
        f"See 'privet ledger show {spec.name}', ask for less, or use another account"
    )


def _claim(request: Request, priced: Quote, *, guard: str, seq: int) -> Claim:
    point = priced.price.point
    at = now()
    return Claim(
        id=f"{seq:012d}-{os.urandom(5).hex()}",
        account=request.account,
        name=request.name,
        state=State.RESERVED,
        event=to_json(request.event),
        part=request.part,
        cost=priced.charges[0][1],
        parents=priced.charges[1:],
        guarantee=str(point),
        epsilon=float(point.epsilon) if isinstance(point, ApproxDP) else None,
        delta=float(point.delta) if isinstance(point, ApproxDP) else None,
        steps=request.steps,
        drawn=0,
        study=request.study,
        guard=guard,
        reserved_at=at,
    )


def _check_allotment(spec: AccountSpec, parent: AccountSpec) -> None:
    if (spec.unit, spec.relation) != (parent.unit, parent.relation):
        raise InvalidParameter(
            f"allotment {spec.name!r} protects {spec.unit.describe()} under {spec.relation}, its parent "
            f"{parent.name!r} protects {parent.unit.describe()} under {parent.relation}; they must be the same"
        )
    if spec.epsilon > parent.epsilon or spec.delta > parent.delta:
        raise InvalidParameter(f"allotment {spec.name!r} is larger than its parent {parent.name!r}; make it smaller")
