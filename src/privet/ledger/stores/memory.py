"""A book in memory: for one process, gone when it ends. The plain reference for the other stores."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from privet.ledger.chain import GENESIS, Entry
from privet.ledger.claims import Claim, State
from privet.ledger.stores.contract import Balance


@dataclass(slots=True)
class _Changes:
    """What a transaction would change; thrown away if it fails."""

    entries: list[Entry] = field(default_factory=list)
    balances: dict[str, Balance] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)


class MemoryStore:
    """Errors: none of its own; it is always there."""

    location = "memory"

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: list[Entry] = []
        self._balances: dict[str, Balance] = {}
        self._claims: dict[str, Claim] = {}

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            changes = _Changes()
            yield MemoryTransaction(self, changes)
            self._entries.extend(changes.entries)
            self._balances.update(changes.balances)
            self._claims.update(changes.claims)

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            yield MemoryTransaction(self, _Changes())

    def close(self) -> None:
        """Nothing to close."""


class MemoryTransaction:
    """One transaction on a book in memory."""

    __slots__ = ("_changes", "_store")

    def __init__(self, store: MemoryStore, changes: _Changes) -> None:
        self._store = store
        self._changes = changes

    def head(self) -> tuple[int, str]:
        rows = self._changes.entries or self._store._entries
        return (rows[-1].seq, rows[-1].hash) if rows else (0, GENESIS)

    def append(self, entry: Entry) -> None:
        self._changes.entries.append(entry)

    def balance(self, account: str) -> Balance | None:
        return self._changes.balances.get(account) or self._store._balances.get(account)

    def balances(self) -> Iterable[Balance]:
        merged = {**self._store._balances, **self._changes.balances}
        return [merged[name] for name in sorted(merged)]

    def put_balance(self, balance: Balance) -> None:
        self._changes.balances[balance.spec.name] = balance

    def claim(self, claim: str) -> Claim | None:
        return self._changes.claims.get(claim) or self._store._claims.get(claim)

    def put_claim(self, claim: Claim) -> None:
        self._changes.claims[claim.id] = claim

    def claims(
        self, *, account: str | None = None, state: State | None = None, study: str | None = None
    ) -> Iterator[Claim]:
        merged = {**self._store._claims, **self._changes.claims}
        for claim in merged.values():
            mine = account is None or any(name == account for name, _ in claim.charges)
            if mine and state in (None, claim.state) and study in (None, claim.study):
                yield claim

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        yield from self._store._entries[after:]
        yield from self._changes.entries
