"""Proof of payment: what left, what it cost, and where the book says so."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Receipt:
    """One committed claim.

    ``event`` is the JSON form of what happened; ``epsilon`` and ``delta`` state it for people (epsilon is None where
    no guarantee holds). ``entry`` and ``entry_hash`` name the committing row of the book, so that a receipt kept
    elsewhere can prove a later removal. ``digest`` is the SHA-256 of the released value.
    """

    claim: str
    account: str
    name: str
    event: dict[str, Any]
    guarantee: str
    epsilon: float | None
    delta: float | None
    unit: str
    relation: str
    noise_class: str
    digest: str
    entry: int
    entry_hash: str
    committed_at: str
    version: str

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Receipt:
        return cls(**body)


def digest(value: Any) -> str:
    """SHA-256 of a released value: arrays by type, shape and bytes, anything else by canonical JSON or repr.

    >>> digest([1, 2]) == digest([1, 2]) != digest([2, 1])
    True
    """
    sha = hashlib.sha256()
    _feed(sha, value)
    return sha.hexdigest()


def _feed(sha: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        sha.update(f"array {value.dtype.str} {value.shape}".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        for name in sorted(value, key=str):
            sha.update(f"key {name}".encode())
            _feed(sha, value[name])
    elif isinstance(value, (list, tuple)):
        sha.update(f"sequence {len(value)}".encode())
        for part in value:
            _feed(sha, part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _feed(sha, {item.name: getattr(value, item.name) for item in dataclasses.fields(value)})
    else:
        sha.update(json.dumps(value, sort_keys=True, default=repr).encode())
