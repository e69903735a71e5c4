"""AES-SIV without a nonce, for many short texts at once: RFC 5297 on arrays, a call of AES for all texts of a length.

``cryptography`` has the same cipher for one text at a time; this is held to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

Octets: TypeAlias = NDArray[np.uint8]

TAG_BYTES: Final = 16
_BLOCK: Final = 16
# Rows treated at once: enough to forget the cost of a call, few enough to stay in the processor's cache.
_ROWS: Final = 1 << 13
_FIELD: Final = 0x87
# Q of section 2.6: bits 31 and 63 of the counter begin as 0, so that adding to it carries nowhere.
_CLEARED: Final = np.frombuffer(bytes.fromhex("ffffffffffffffff7fffffff7fffffff"), dtype=np.uint8)


class Siv:
    """The cipher under a key of 64 bytes: half for the tag, half for the counter.

    Guarantee: deterministic authenticated encryption (Rogaway & Shrimpton 2006): equal texts look equal, nothing else
    is told but the length, and a change is noticed.
    Shapes: rows of one length.
    Reference: RFC 5297, sections 2.4 (S2V) and 2.6.

    >>> siv, rows = Siv(bytes(range(64))), np.frombuffer(b"onetwo", dtype=np.uint8).reshape(2, 3)
    >>> siv.seal(rows).shape, siv.open(siv.seal(rows)).tobytes()
    ((2, 19), b'onetwo')
    """

    def __init__(self, key: bytes) -> None:
        self._mac, self._stream = (Cipher(AES(half), ECB()) for half in (key[:32], key[32:]))
        zero = self._blocks(self._mac, np.zeros((1, _BLOCK), dtype=np.uint8))[0]
        self._full = _doubled(zero)
        self._part = _doubled(self._full)
        # S2V begins with the MAC of a block of zeros.
        self._first = self._blocks(self._mac, (self._full)[None, :])[0]

    def seal(self, rows: Octets) -> Octets:
        """Tag and ciphertext of each row."""
        tags = self._tags(rows)
        return np.concatenate([tags, rows ^ self._keystream(tags, rows.shape[1])], axis=1)

    def open(self, rows: Octets) -> Octets:
        """What was sealed. Errors: InvalidTag if any row was changed, or is another key's."""
        if rows.shape[1] <= TAG_BYTES:
            raise InvalidTag
        tags, sealed = rows[:, :TAG_BYTES], rows[:, TAG_BYTES:]
        plain = sealed ^ self._keystream(tags, sealed.shape[1])
        # All rows are looked at whatever the first says: how long it takes tells nothing of where a tag differs.
        if (self._tags(plain) ^ tags).any():
            raise InvalidTag
        return plain

    def _tags(self, rows: Octets) -> Octets:
        """S2V of one string."""
        length = rows.shape[1]
        if length < _BLOCK:
            return self._cmac(_padded(rows) ^ _doubled(self._first), whole=True)
        mixed = rows.copy()
        mixed[:, -_BLOCK:] ^= self._first
        return self._cmac(mixed if length % _BLOCK == 0 else _padded(mixed), whole=length % _BLOCK == 0)

    def _cmac(self, rows: Octets, *, whole: bool) -> Octets:
        """CMAC (RFC 4493) of rows of whole blocks; ``whole`` unless the last one was filled up."""
        state = np.zeros((len(rows), _BLOCK), dtype=np.uint8)
        last = rows.shape[1] - _BLOCK
        for start in range(0, last, _BLOCK):
            state = self._blocks(self._mac, state ^ rows[:, start : start + _BLOCK])
        return self._blocks(self._mac, state ^ rows[:, last:] ^ (self._full if whole else self._part))

    def _keystream(self, tags: Octets, length: int) -> Octets:
        count = -(-length // _BLOCK)
        counters = np.repeat((tags & _CLEARED)[:, None, :], count, axis=1)
        lowest = counters.reshape(-1, _BLOCK)[:, 12:].copy().view(">u4").reshape(len(tags), count)
        counters[:, :, 12:] = (lowest + np.arange(count, dtype=np.uint32)).astype(">u4")[..., None].view(np.uint8)
        return self._blocks(self._stream, counters.reshape(-1, _BLOCK)).reshape(len(tags), -1)[:, :length]

    def _blocks(self, cipher: Cipher[ECB], blocks: Octets) -> Octets:
        made = cipher.encryptor().update(np.ascontiguousarray(blocks).data)
        return np.frombuffer(made, dtype=np.uint8).reshape(blocks.shape)


def by_length(texts: Sequence[bytes]) -> Iterator[tuple[NDArray[np.int64], Octets]]:
    """Texts of one length as rows, and which they are; at most 8192 at once."""
    flat = np.frombuffer(b"".join(texts), dtype=np.uint8)
    widths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    starts = np.cumsum(widths) - widths
    for width in np.unique(widths).tolist():
        here = np.flatnonzero(widths == width)
        for at in range(0, len(here), _ROWS):
            rows = here[at : at + _ROWS]
            yield rows, flat[starts[rows, None] + np.arange(width)]


def _padded(rows: Octets) -> Octets:
    """Filled to whole blocks with a bit 1 and zeros."""
    out = np.zeros((len(rows), rows.shape[1] // _BLOCK * _BLOCK + _BLOCK), dtype=np.uint8)
    out[:, : rows.shape[1]] = rows
    out[:, rows.shape[1]] = 0x80
    return out


def _doubled(block: Octets) -> Octets:
    """Times x in the field of 2**128 elements (RFC 5297, section 2.3)."""
    number = int.from_bytes(block.tobytes(), "big") << 1
    number = number & ((1 << 128) - 1) ^ (_FIELD if number >> 128 else 0)
    return np.frombuffer(number.to_bytes(_BLOCK, "big"), dtype=np.uint8)
