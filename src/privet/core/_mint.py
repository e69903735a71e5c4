"""The key that makes permits and releases and opens private values.

An import contract lets only ``core.permits``, ``core.sealed`` and ``ledger.gate`` see this module. Python cannot
stop an adversary in the same process; this stops accidents, and makes any way around the gate visible in review.
"""

from __future__ import annotations

from typing import Final, final


@final
class MintKey:
    """Its single instance is the proof that the caller is the gate."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MintKey()"


KEY: Final = MintKey()


def require(key: object, action: str) -> None:
    """Refuse an action to anyone but the gate."""
    if key is not KEY:
        from privet.core.errors import SealedValue

        raise SealedValue(f"{action} is done only by the gate: use account.release() or account.open()")
