"""Masks that cancel: every pair of parties shares a secret stream; one adds it, the other takes it away."""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

MAX_ROUNDS = 2**32


def pair_key(own: X25519PrivateKey, *, other: X25519PublicKey, job: str, names: tuple[str, str]) -> bytes:
    """The 256-bit secret of two parties for one job. Reference: RFC 7748 (X25519), RFC 5869 (HKDF)."""
    first, second = sorted(names)
    lengths = f"{len(first.encode())} {len(second.encode())} {len(job.encode())}"
    info = f"privet mask 1 {lengths} {first} {second} {job}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(own.exchange(other))


def mask(key: bytes, *, round_number: int, size: int) -> NDArray[np.uint32]:
    """``size`` words of the pair's stream for one round.

    Guarantee: indistinguishable from random words without the key, and no word is used in two rounds: the round is
    the upper half of AES-256's counter block and one round uses fewer than 2**64 blocks.
    """
    counter = round_number.to_bytes(8, "big") + bytes(8)
    stream = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(bytes(4 * size))
    return np.frombuffer(stream, dtype="<u4").astype(np.uint32, copy=False)
