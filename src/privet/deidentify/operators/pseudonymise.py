"""Replace a value by a token that only the holder of the key can make again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from privet.core.errors import InvalidParameter
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits

_PERSON = b"privet pseudonym"
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
# Tokens written at once: enough to forget the cost of a call, few enough to stay in the processor's cache.
_BLOCK = 1 << 14
# Five bytes are eight characters of base 32; the longest token has 33 bytes, filled to seven times five.
_DIGEST_BYTES, _PADDED_BYTES = 33, 35


@dataclass(frozen=True, slots=True)
class Pseudonymise:
    """The same value gets the same token in every file under one key, and another in every other column or domain.

    Guarantee: tokens are a keyed BLAKE2b (a pseudorandom function, Aumasson et al. 2013): without the key they cannot
    be linked to values even by trying all of them, as a plain hash of an ID number could. With the key they can.
    ``length`` is in characters of base 32, 5 bits each; 26 characters make a collision of a billion values unlikely.
    """

    prefix: str = ""
    length: int = 26

    traits: ClassVar[Traits] = Traits(gives="text", keyed=True)

    def __post_init__(self) -> None:
        if not 13 <= self.length <= 52:
            raise InvalidParameter(f"length is {self.length}; give 13 to 52 characters")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return treat_distinct(column, lambda texts: self._tokens(texts, key))

    def _tokens(self, texts: list[str], key: bytes) -> list[str]:
        tokens: list[str] = []
        for start in range(0, len(texts), _BLOCK):
            written = base32(_digests(texts[start : start + _BLOCK], key))
            tokens += [self.prefix + token[: self.length] for token in written]
        return tokens

    def describe(self) -> str:
        return "replaced by a keyed pseudonym"


def _digests(texts: Iterable[str], key: bytes) -> bytes:
    """The digests of all texts, one after another, each filled with zeros to a whole number of five bytes."""
    make = hashlib.blake2b
    filling = bytes(_PADDED_BYTES - _DIGEST_BYTES)
    return filling.join(
        [make(text.encode(), key=key, digest_size=_DIGEST_BYTES, person=_PERSON).digest() for text in texts] + [b""]
    )


def base32(digests: bytes) -> list[str]:
    """Each digest in lower-case base 32 (RFC 4648, section 6), all at once.

    Shapes: ``digests`` is a whole number of digests of 35 bytes; each becomes 56 characters.
    """
    octets = np.frombuffer(digests, dtype=np.uint8).reshape(-1, 5).astype(np.uint64)
    groups = octets @ (np.uint64(256) ** np.arange(5, dtype=np.uint64)[::-1])
    letters = _ALPHABET[groups[:, None] >> np.arange(35, -1, -5, dtype=np.uint64) & np.uint64(31)]
    text, width = letters.tobytes().decode("ascii"), _PADDED_BYTES // 5 * 8
    return [text[start : start + width] for start in range(0, len(text), width)]


OPERATOR = Pseudonymise
