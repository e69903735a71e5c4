"""Keys from keys: one secret, and for each purpose a key of its own."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privet.core.errors import InvalidParameter

LEAST_BYTES: Final = 16
_DOMAIN: Final = b"privet vault derived key 1"


def hkdf(secret: bytes, *, info: bytes, salt: bytes = b"", length: int = 32) -> bytes:
    """HKDF-SHA-256, extract and expand. Reference: RFC 5869."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt or None, info=info).derive(secret)


def derive_key(secret: bytes, *, purpose: str, context: str = "", length: int = 32) -> bytes:
    """The key that a secret has for one purpose, such as pseudonyms, in one context, such as a column.

    Guarantee: keys of different purposes or contexts are independent uniform bytes to everybody who lacks the secret,
    if HMAC-SHA-256 is a pseudo-random function. Whoever learns one learns neither the secret nor another.
    Units: bytes. Errors: InvalidParameter if the secret is shorter than 16 bytes or the purpose is empty; a passphrase
    is no secret for this.
    Reference: RFC 5869, section 3.2 (info binds a key to its application).

    >>> secret = bytes(range(32))
    >>> derive_key(secret, purpose="pseudonyms", context="id") == derive_key(secret, purpose="pseudonymsi", context="d")
    False
    """
    if len(secret) < LEAST_BYTES:
        raise InvalidParameter(f"the secret has {len(secret)} bytes; give at least {LEAST_BYTES} random ones")
    if not purpose:
        raise InvalidParameter("the purpose is empty; say what the key is for")
    # Lengths first, so that no two pairs of purpose and context read alike.
    fields = [_DOMAIN, purpose.encode(), context.encode()]
    return hkdf(secret, info=b"".join(len(field).to_bytes(4, "big") + field for field in fields), length=length)
