"""Chance that only the key repeats: one stream for each column, operator and content."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

from privet.deidentify.distinct import texts_of


class KeyedChance:
    """Numbers that look uniform to whoever lacks the key, and are the same whenever the same column is treated again.

    The ``content`` decides too. Were the stream the key's and row's alone, two versions of a table would be changed
    by the same amounts, and their difference would show every correction exactly.
    Guarantee: AES-256 in counter mode under a keyed BLAKE2b of the content.

    >>> first, again = (KeyedChance(bytes(32), purpose=b"example", content=b"column") for _ in range(2))
    >>> bool((first.uniform(3) == again.uniform(3)).all())
    True
    """

    def __init__(self, key: bytes, *, purpose: bytes, content: bytes) -> None:
        own = hashlib.blake2b(content, key=key, digest_size=32, person=b"privet " + purpose).digest()
        self._stream = Cipher(AES(own), CTR(bytes(16))).encryptor()

    def words(self, count: int) -> NDArray[np.uint64]:
        """64 bits each."""
        return np.frombuffer(self._stream.update(bytes(8 * count)), dtype="<u8").astype(np.uint64)

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Between 0 and 1, neither of them, in steps of 2 ** -52."""
        return np.asarray(((self.words(count) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52)

    def normal(self, count: int) -> NDArray[np.float64]:
        """Standard normal, by inversion. For statistical disclosure control, not for differential privacy."""
        from scipy.special import ndtri

        return np.asarray(ndtri(self.uniform(count)), dtype=np.float64)

    def below(self, limit: int, *, count: int) -> NDArray[np.int64]:
        """Whole numbers from 0 to ``limit`` - 1; no value is off by more than one in 2 ** 52 / ``limit``."""
        return np.asarray(self.uniform(count) * limit, dtype=np.float64).astype(np.int64)


def content_of(column: Any) -> bytes:
    """A digest of a column's cells in their order, however the table stores them."""
    import pandas

    codes, values = pandas.factorize(column)
    texts = texts_of(values.tolist())
    digest = hashlib.blake2b(np.asarray(codes, dtype="<i8").tobytes(), digest_size=32)
    digest.update("".join(f"{len(text)}:{text}" for text in texts).encode())
    return digest.digest()
