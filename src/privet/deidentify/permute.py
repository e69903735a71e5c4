"""A keyed permutation of the numbers below any size, on whole arrays: FF1 in base 2, walked along its cycles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.ff1 import FEWEST_VALUES, FF1, ROUNDS, first_block

Numbers: TypeAlias = NDArray[np.uint64]

# What fits the array form: 63 bits, so that halves fit 32 and nothing wraps.
MOST_BITS: Final = 63
_TWEAK_BYTES: Final = 8
_FEWEST_BITS: Final = (FEWEST_VALUES - 1).bit_length()


class Permutation:
    """Numbers below a size to numbers below it, and back.

    Guarantee: for each size and tweak a permutation, by cycle walking on FF1 over the next power of two; the same in
    every run under one key, and undone only with it.
    Shapes: arrays of one length; ``sizes`` says for each number what it stays below, ``tweaks`` what makes it another
    permutation.
    Errors: InvalidParameter if a size is below a million or a number is not below its size.
    Reference: NIST SP 800-38G Rev. 1; Black & Rogaway 2002, section 4 (cycle walking).

    >>> below = Permutation(bytes(32))
    >>> numbers, sizes = np.arange(3, dtype=np.uint64), np.full(3, 1_000_000, dtype=np.uint64)
    >>> there = below.forth(numbers, sizes=sizes, tweaks=sizes)
    >>> bool((there < sizes).all()), below.back(there, sizes=sizes, tweaks=sizes).tolist()
    (True, [0, 1, 2])
    """

    def __init__(self, key: bytes) -> None:
        own = hashlib.blake2b(key=key, digest_size=32, person=b"privet ff1").digest()
        self._aes = Cipher(AES(own), ECB())
        self._plain = FF1(own, radix=2)

    def forth(self, numbers: Numbers, *, sizes: Numbers, tweaks: Numbers) -> Numbers:
        """Where each number goes."""
        return self._walk(numbers, sizes, tweaks, self._encrypt)

    def back(self, numbers: Numbers, *, sizes: Numbers, tweaks: Numbers) -> Numbers:
        """Where each number came from."""
        return self._walk(numbers, sizes, tweaks, self._decrypt)

    def forth_one(self, number: int, *, size: int, tweak: int) -> int:
        """The same for one number of any size, by the standard's words."""
        return _walk_one(number, size, tweak, self._plain.encrypt)

    def back_one(self, number: int, *, size: int, tweak: int) -> int:
        """The same for one number of any size, by the standard's words."""
        return _walk_one(number, size, tweak, self._plain.decrypt)

    def _walk(self, numbers: Numbers, sizes: Numbers, tweaks: Numbers, step: _Step) -> Numbers:
        if bool((sizes < FEWEST_VALUES).any()) or bool((numbers >= sizes).any()):
            raise InvalidParameter("a size is below a million, or a number is not below its size")
        out = numbers.copy()
        bits = _bits(sizes)
        for width in np.unique(bits).tolist():
            left = np.flatnonzero(bits == width)
            while len(left):
                out[left] = step(out[left], tweaks[left], width)
                left = left[out[left] >= sizes[left]]
        return out

    def _encrypt(self, numbers: Numbers, tweaks: Numbers, bits: int) -> Numbers:
        moves, low, high = self._moves(tweaks, bits), bits // 2, bits - bits // 2
        left, right = numbers >> np.uint64(high), numbers & _mask(high)
        for number in range(ROUNDS):
            left, right = right, (left + moves(number, right)) & _mask(low if number % 2 == 0 else high)
        return left << np.uint64(high) | right

    def _decrypt(self, numbers: Numbers, tweaks: Numbers, bits: int) -> Numbers:
        moves, low, high = self._moves(tweaks, bits), bits // 2, bits - bits // 2
        left, right = numbers >> np.uint64(high), numbers & _mask(high)
        for number in reversed(range(ROUNDS)):
            left, right = (right - moves(number, left)) & _mask(low if number % 2 == 0 else high), left
        return left << np.uint64(high) | right

    def _moves(self, tweaks: Numbers, bits: int) -> Callable[[int, Numbers], Numbers]:
        """y of every round. Tweak, round and half fill one block, so the MAC of P || Q is two calls of AES."""
        encryptor = self._aes.encryptor()
        head = np.frombuffer(encryptor.update(first_block(2, length=bits, tweak_bytes=_TWEAK_BYTES)), dtype=">u8")
        half_bytes = (bits - bits // 2 + 7) // 8
        blocks = np.empty((len(tweaks), 2), dtype=">u8")

        def move(number: int, half: Numbers) -> Numbers:
            blocks[:, 0] = tweaks ^ head[0]
            blocks[:, 1] = (np.uint64(number << 8 * half_bytes) | half) ^ head[1]
            # d is 8: the first eight bytes, of which the modulus, a power of two, keeps the last.
            return np.frombuffer(encryptor.update(blocks.tobytes()), dtype=">u8")[::2].astype(np.uint64)

        return move


_Step: TypeAlias = Callable[[Numbers, Numbers, int], Numbers]


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _bits(sizes: Numbers) -> NDArray[np.int64]:
    """Bits of the largest number below each size, and never fewer than the standard asks for."""
    distinct, places = np.unique(sizes, return_inverse=True)
    widths = [max(_FEWEST_BITS, (size - 1).bit_length()) for size in distinct.tolist()]
    return np.array(widths, dtype=np.int64)[places]


def _walk_one(number: int, size: int, tweak: int, step: Callable[..., list[int]]) -> int:
    if size < FEWEST_VALUES or not 0 <= number < size:
        raise InvalidParameter("a size is below a million, or a number is not below its size")
    bits = max(_FEWEST_BITS, (size - 1).bit_length())
    while True:
        numerals = [number >> place & 1 for place in reversed(range(bits))]
        number = int("".join(map(str, step(numerals, tweak=tweak.to_bytes(_TWEAK_BYTES, "big")))), 2)
        if number < size:
            return number
