"""Does the book still say what was written? Walks the chain, adds everything up again, compares every table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from privet.core.errors import LedgerCorrupt
from privet.core.receipts import Receipt
from privet.ledger.account import AccountSpec
from privet.ledger.amounts import Amount, nothing
from privet.ledger.chain import GENESIS, Entry
from privet.ledger.claims import Claim, State
from privet.ledger.filter import filter_of
from privet.ledger.stores.contract import WHOLE, Balance, Store, Transaction


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. ``problems`` is empty if the book verifies; each names its row.

    A book cut back to an earlier, complete state verifies by itself: only a receipt or a head hash kept elsewhere
    can show that rows are missing at the end. Pass receipts to find that too.
    """

    entries: int
    head: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class _Replay:
    """The book as its entries alone tell it."""

    balances: dict[str, Balance] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)


def verify(store: Store, *, receipts: tuple[Receipt, ...] = ()) -> Verification:
    """Check a book against itself, and against receipts kept elsewhere.

    Finds a changed, inserted, removed or reordered entry (naming the row), a sum or claim that is not what the
    entries add up to, an account beyond its limit, and a receipt whose entry is gone or different.
    Errors: LedgerUnavailable.
    """
    replay = _Replay()
    with store.read() as book:
        last = _walk(book, replay)
        _compare_head(book.head(), last, replay)
        try:
            _compare_tables(book, replay)
        except LedgerCorrupt as unreadable:
            replay.problems.append(str(unreadable))
    for receipt in receipts:
        if replay.hashes.get(receipt.entry) != receipt.entry_hash:
            replay.problems.append(f"receipt of claim {receipt.claim}: entry {receipt.entry} is gone or changed")
    return Verification(last[0], last[1], tuple(replay.problems))


def _walk(book: Transaction, replay: _Replay) -> tuple[int, str]:
    seq, previous = 0, GENESIS
    for entry in book.entries():
        where = f"entry {entry.seq} ({entry.kind}, account {entry.account!r})"
        if entry.seq != seq + 1:
            missing = f"{seq + 1}" if entry.seq == seq + 2 else f"{seq + 1} to {entry.seq - 1}"
            replay.problems.append(f"entry {missing} was removed")
        elif entry.previous != previous:
            replay.problems.append(f"{where} does not follow the entry before it")
        if entry.hash != entry.expected_hash():
            replay.problems.append(f"{where} was changed")
        try:
            _apply(entry, replay)
        except (KeyError, TypeError, ValueError, AttributeError):
            replay.problems.append(f"{where} does not make sense where it stands")
        replay.hashes[entry.seq] = entry.hash
        seq, previous = entry.seq, entry.hash
    return seq, previous


def _apply(entry: Entry, replay: _Replay) -> None:
    body = entry.body
    if entry.kind == "account-created":
        spec = AccountSpec.from_json(body["spec"])
        replay.balances[spec.name] = Balance(spec)
    elif entry.kind == "reserved":
        _apply_reserved(Claim.from_json(body), replay)
    elif entry.kind == "drawn":
        _change(replay, entry, drawn=body["drawn"])
    elif entry.kind == "forfeited":
        _change(replay, entry, state=State.FORFEITED)
    elif entry.kind == "committed":
        _apply_committed(entry, replay)


def _change(replay: _Replay, entry: Entry, **fields: Any) -> Claim:
    claim = dataclasses.replace(replay.claims[str(entry.claim)], **fields)
    replay.claims[claim.id] = claim
    return claim


def _apply_reserved(claim: Claim, replay: _Replay) -> None:
    replay.claims[claim.id] = claim
    for name, cost in claim.charges:
        balance = replay.balances[name]
        part = claim.part if claim.part is not None and name == claim.account else WHOLE
        before = balance.spent.get(part, nothing(len(balance.spec.orders)))
        replay.balances[name] = dataclasses.replace(
            balance,
            spent={**balance.spent, part: before + cost},
            claims=balance.claims + 1,
            unbounded=balance.unbounded + (claim.epsilon is None),
        )


def _apply_committed(entry: Entry, replay: _Replay) -> None:
    body, planned = entry.body, replay.claims[str(entry.claim)]
    charges = tuple((name, Amount.from_json(cost)) for name, cost in body["charges"])
    for (name, was), (_, now) in zip(planned.charges, charges, strict=True):
        balance = replay.balances[name]
        part = planned.part if planned.part is not None and name == planned.account else WHOLE
        spent = balance.spent[part].settle(planned=was, ran=now)
        replay.balances[name] = dataclasses.replace(balance, spent={**balance.spent, part: spent})
    fields = {"event": body["event"], "drawn": body["drawn"], "cost": charges[0][1], "parents": charges[1:]}
    _change(replay, entry, state=State.COMMITTED, digest=body["digest"], noise_class=body["noise_class"], **fields)


def _compare_head(head: tuple[int, str], last: tuple[int, str], replay: _Replay) -> None:
    if head[0] > last[0]:
        replay.problems.append(f"entries {last[0] + 1} to {head[0]} were removed from the end")
    elif head != last:
        replay.problems.append(f"entry {last[0]} is not the one the book remembers as its last")


def _compare_tables(book: Transaction, replay: _Replay) -> None:
    stored = {balance.spec.name: balance for balance in book.balances()}
    for name in sorted(stored.keys() | replay.balances.keys()):
        kept, added = stored.get(name), replay.balances.get(name)
        if kept != added:
            replay.problems.append(f"account {name!r}: its row does not equal what the entries add up to")
        elif added is not None and any(filter_of(added.spec).track(added.total(p)) is None for p in added.spent):
            replay.problems.append(f"account {name!r} is beyond its limit")
    claims = {claim.id: claim for claim in book.claims()}
    for claim in sorted(claims.keys() | replay.claims.keys()):
        if claims.get(claim) != replay.claims.get(claim):
            replay.problems.append(f"claim {claim}: its row does not equal what the entries say")
