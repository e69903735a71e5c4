"""Sealed boxes for small secrets, such as a token for a server: libsodium's, by PyNaCl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from privet.core.errors import InvalidParameter, MissingDependency
from privet.vault.errors import NoMatchingKey
from privet.vault.x25519 import X25519Identity, X25519Recipient

# What is larger goes into a file of its own; a box is made and opened in one piece.
MOST_BYTES: Final = 1 << 16


def seal_box(secret: bytes, *, recipient: X25519Recipient) -> bytes:
    """A box that only the recipient's key opens; any libsodium reads it. It is 48 bytes longer than the secret.

    Guarantee: only the recipient learns more than the length; a change is noticed. Who sealed it is not shown.
    Errors: InvalidParameter beyond 64 KiB; MissingDependency without PyNaCl.
    Reference: libsodium, crypto_box_seal (X25519, XSalsa20-Poly1305, an ephemeral key).
    """
    if len(secret) > MOST_BYTES:
        raise InvalidParameter(
            f"{len(secret)} bytes are no small secret; encrypt what is beyond {MOST_BYTES} as a file"
        )
    nacl = _nacl()
    return bytes(nacl.SealedBox(nacl.PublicKey(recipient.public)).encrypt(secret))


def open_box(box: bytes, *, identities: Sequence[X25519Identity]) -> bytes:
    """The secret of a box. Errors: NoMatchingKey if no key opens it, or it was changed: the two look alike."""
    nacl = _nacl()
    for identity in identities:
        try:
            return bytes(nacl.SealedBox(nacl.PrivateKey(identity.secret.private_bytes_raw())).decrypt(box))
        except nacl.exc.CryptoError:
            continue
    raise NoMatchingKey("none of the keys given opens this box, or it was changed")


def _nacl() -> Any:
    try:
        import nacl.public
    except ImportError:
        raise MissingDependency('sealed boxes need PyNaCl; pip install "privet[vault]"') from None
    return nacl.public
