"""The hash chain: each entry names the one before it, so a changed or removed row breaks the chain at that row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the book. ``hash`` covers every other field and the hash of the row before."""

    seq: int
    at: str
    kind: str
    account: str
    claim: str | None
    body: dict[str, Any]
    previous: str
    hash: str

    def expected_hash(self) -> str:
        return _hash(self.seq, self.at, self.kind, self.account, self.claim, self.body, self.previous)


def link(head: tuple[int, str], *, at: str, kind: str, account: str, claim: str | None, body: dict[str, Any]) -> Entry:
    """The entry that follows ``head``, a (number, hash) pair.

    >>> first = link((0, GENESIS), at="2026-01-01", kind="note", account="a", claim=None, body={})
    >>> first.seq, first.hash == first.expected_hash()
    (1, True)
    """
    seq, previous = head[0] + 1, head[1]
    return Entry(seq, at, kind, account, claim, body, previous, _hash(seq, at, kind, account, claim, body, previous))


def canonical(body: dict[str, Any]) -> str:
    """JSON in the one form that is hashed and stored."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _hash(seq: int, at: str, kind: str, account: str, claim: str | None, body: dict[str, Any], previous: str) -> str:
    text = canonical({"seq": seq, "at": at, "kind": kind, "account": account, "claim": claim, "body": body})
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
