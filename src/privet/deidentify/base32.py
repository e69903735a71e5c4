"""Base 32 in small letters, without padding, for many values of one length at once (RFC 4648, section 6)."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Octets: TypeAlias = NDArray[np.uint8]

_ALPHABET: Final = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
_NONE: Final = 255
_VALUES: Final = np.full(256, _NONE, dtype=np.uint8)
_VALUES[_ALPHABET] = np.arange(32)
_VALUES[np.frombuffer(_ALPHABET.tobytes().upper(), dtype=np.uint8)] = np.arange(32)
# Eight characters are five bytes; where each character, and each byte, lies in their forty bits.
_CHARACTERS: Final = np.arange(35, -1, -5, dtype=np.uint64)
_OCTETS: Final = np.arange(32, -1, -8, dtype=np.uint64)


def written(rows: Octets, *, length: int | None = None) -> list[str]:
    """Each row as text, or the first ``length`` characters of it.

    >>> written(np.frombuffer(b"abcd", dtype=np.uint8).reshape(2, 2))
    ['mfra', 'mnsa']
    """
    count, width = rows.shape
    filled = np.zeros((count, -(-width // 5) * 5), dtype=np.uint8)
    filled[:, :width] = rows
    groups = filled.reshape(count, -1, 5).astype(np.uint64) @ (np.uint64(1) << _OCTETS)
    letters = _ALPHABET[groups[..., None] >> _CHARACTERS & np.uint64(31)].reshape(count, -1)
    size = -(-width * 8 // 5) if length is None else length
    text = letters[:, :size].tobytes().decode("ascii")
    return [text[start : start + size] for start in range(0, len(text), size)]


def read(letters: Octets) -> Octets:
    """The rows that texts of one length stand for; capitals count as small letters.

    Errors: ValueError if a character is of no such text, or the text could have been written in another way.

    >>> read(np.frombuffer(b"mframnsa", dtype=np.uint8).reshape(2, 4)).tobytes()
    b'abcd'
    """
    count, length = letters.shape
    width = length * 5 // 8
    values = np.zeros((count, -(-length // 8) * 8), dtype=np.uint8)
    values[:, :length] = _VALUES[letters]
    if length != -(-width * 8 // 5) or (values == _NONE).any():
        raise ValueError("this is no text in base 32")
    groups = values.reshape(count, -1, 8).astype(np.uint64) @ (np.uint64(1) << _CHARACTERS)
    octets = (groups[..., None] >> _OCTETS & np.uint64(255)).astype(np.uint8).reshape(count, -1)
    if octets[:, width:].any():
        raise ValueError("this is no text in base 32")
    return octets[:, :width]
