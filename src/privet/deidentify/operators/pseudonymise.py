"""Replace a value by a token that only the holder of the key can make again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from cryptography.exceptions import InvalidTag

from privet.core.errors import InvalidParameter
from privet.deidentify import base32
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits
from privet.deidentify.siv import Octets, Siv, by_length

_PERSON = b"privet pseudonym"
# Tokens written at once: enough to forget the cost of a call, few enough to stay in the processor's cache.
_BLOCK = 1 << 14
# The longest token has 52 characters.
_DIGEST_BYTES = 33
_USUAL_LENGTH = 26
# The cipher takes no empty text, so all get one more byte.
_END = b"\n"


@dataclass(frozen=True, slots=True)
class Pseudonymise:
    """The same value gets the same token in every file under one key, and another in every other column or domain.

    Guarantee: tokens are a keyed BLAKE2b (a pseudorandom function, Aumasson et al. 2013): without the key they cannot
    be linked to values even by trying all of them, as a plain hash of an ID number could. With the key they can.
    ``length`` is in characters of base 32, 5 bits each; 26 characters make a collision of a billion values unlikely.
    ``reversible`` tokens are the value itself under AES-SIV, so they grow with it and tell its length; a token that was
    changed, or made with another key, is noticed.
    Reference: RFC 7693 (BLAKE2); RFC 5297 (SIV); RFC 4648, section 6 (base 32).
    """

    prefix: str = ""
    length: int = _USUAL_LENGTH
    reversible: bool = False

    traits: ClassVar[Traits] = Traits(gives="text", keyed=True)

    def __post_init__(self) -> None:
        if not 13 <= self.length <= 52:
            raise InvalidParameter(f"length is {self.length}; give 13 to 52 characters")
        if self.reversible and self.length != _USUAL_LENGTH:
            raise InvalidParameter("a reversible pseudonym is as long as its value asks; take length out")

    def apply(self, column: Any, *, key: bytes) -> Any:
        make = self._sealed if self.reversible else self._tokens
        return treat_distinct(column, lambda texts: make(texts, key))

    def reverse(self, column: Any, *, key: bytes) -> Any:
        """What the tokens stand for. Errors: InvalidParameter if one was not made with this key and policy."""
        return treat_distinct(column, lambda tokens: self._opened(tokens, key))

    def _sealed(self, texts: list[str], key: bytes) -> list[str]:
        # Without a nonce SIV is deterministic, which is what makes it a pseudonym.
        cipher, tokens = _siv(key), [""] * len(texts)
        for rows, octets in by_length([text.encode() + _END for text in texts]):
            for row, token in zip(rows.tolist(), base32.written(cipher.seal(octets)), strict=True):
                tokens[row] = self.prefix + token
        return tokens

    def _opened(self, tokens: list[str], key: bytes) -> list[str]:
        cipher, texts = _siv(key), [""] * len(tokens)
        try:
            for rows, letters in by_length([self._bare(token) for token in tokens]):
                plain = cipher.open(base32.read(letters))
                for row, text in zip(rows.tolist(), _texts(plain), strict=True):
                    texts[row] = text
        except (InvalidTag, ValueError):
            raise InvalidParameter(
                "a pseudonym was made with another key, column, domain or policy, or was changed since; nothing is "
                "turned back"
            ) from None
        return texts

    def _bare(self, token: str) -> bytes:
        if not token.startswith(self.prefix):
            raise ValueError
        return token[len(self.prefix) :].encode("ascii")

    def _tokens(self, texts: list[str], key: bytes) -> list[str]:
        tokens: list[str] = []
        for start in range(0, len(texts), _BLOCK):
            digests = np.frombuffer(_digests(texts[start : start + _BLOCK], key), dtype=np.uint8)
            written = base32.written(digests.reshape(-1, _DIGEST_BYTES), length=self.length)
            tokens += [self.prefix + token for token in written] if self.prefix else written
        return tokens

    def describe(self) -> str:
        return "replaced by a keyed pseudonym" + (", reversible with the key" if self.reversible else "")


def _siv(key: bytes) -> Siv:
    return Siv(hashlib.blake2b(key=key, digest_size=64, person=b"privet siv").digest())


def _digests(texts: Iterable[str], key: bytes) -> bytes:
    """The digests of all texts, one after another."""
    make = hashlib.blake2b
    return b"".join(
        [make(text.encode(), key=key, digest_size=_DIGEST_BYTES, person=_PERSON).digest() for text in texts]
    )


def _texts(plain: Octets) -> list[str]:
    """Rows without their end. Errors: ValueError if one has no end or is no UTF-8."""
    if (plain[:, -1] != _END[0]).any():
        raise ValueError
    octets, width = plain.tobytes(), plain.shape[1]
    return [octets[start : start + width - 1].decode() for start in range(0, len(octets), width)]


OPERATOR = Pseudonymise
