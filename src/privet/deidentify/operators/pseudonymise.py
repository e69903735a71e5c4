"""Replace a value by a token that only the holder of the key can make again."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from privet.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Pseudonymise:
    """The same value gets the same token in every file under one key, and another in every other column.

    Guarantee: tokens are a keyed BLAKE2b (a pseudorandom function, Aumasson et al. 2013): without the key they cannot
    be linked to values even by trying all of them, as a plain hash of an ID number could. With the key they can.
    ``length`` is in characters of base 32, 5 bits each; 26 characters make a collision of a billion values unlikely.
    """

    prefix: str = ""
    length: int = 26

    def __post_init__(self) -> None:
        if not 13 <= self.length <= 52:
            raise InvalidParameter(f"length is {self.length}; give 13 to 52 characters")

    def apply(self, column: Any, *, key: bytes) -> Any:
        tokens = {value: self._token(str(value), key) for value in column.dropna().unique()}
        return column.map(tokens).astype(object)

    def _token(self, value: str, key: bytes) -> str:
        digest = hashlib.blake2b(value.encode(), key=key, digest_size=33, person=b"privet pseudonym"[:16]).digest()
        return self.prefix + base64.b32encode(digest).decode()[: self.length].lower()

    def describe(self) -> str:
        return "replaced by a keyed pseudonym"


OPERATOR = Pseudonymise
