"""Replace a value by a token that only the holder of the key can make again."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from privet.core.errors import InvalidParameter
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits

_PERSON = b"privet pseudonym"
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
# Tokens written at once: enough to forget the cost of a call, few enough to stay in the processor's cache.
_BLOCK = 1 << 14
# Five bytes are eight characters of base 32; the longest token has 33 bytes, filled to seven times five.
_DIGEST_BYTES, _PADDED_BYTES = 33, 35
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
        cipher = _siv(key)
        sealed = [base64.b32encode(cipher.encrypt(text.encode() + _END, None)) for text in texts]
        return [self.prefix + token.decode("ascii").rstrip("=").lower() for token in sealed]

    def _opened(self, tokens: list[str], key: bytes) -> list[str]:
        cipher = _siv(key)
        try:
            return [self._open(token, cipher) for token in tokens]
        except (InvalidTag, binascii.Error, ValueError):
            raise InvalidParameter(
                "a pseudonym was made with another key, column, domain or policy, or was changed since; nothing is "
                "turned back"
            ) from None

    def _open(self, token: str, cipher: AESSIV) -> str:
        if not token.startswith(self.prefix):
            raise ValueError
        text = token[len(self.prefix) :].upper()
        return cipher.decrypt(base64.b32decode(text + "=" * (-len(text) % 8)), None).removesuffix(_END).decode()

    def _tokens(self, texts: list[str], key: bytes) -> list[str]:
        tokens: list[str] = []
        for start in range(0, len(texts), _BLOCK):
            written = base32(_digests(texts[start : start + _BLOCK], key))
            tokens += [self.prefix + token[: self.length] for token in written]
        return tokens

    def describe(self) -> str:
        return "replaced by a keyed pseudonym" + (", reversible with the key" if self.reversible else "")


def _siv(key: bytes) -> AESSIV:
    return AESSIV(hashlib.blake2b(key=key, digest_size=64, person=b"privet siv").digest())


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
