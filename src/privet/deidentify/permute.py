"""A keyed permutation of the numbers below any size, on whole arrays: FF1 in base 2, walked along its cycles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.ff1 import FEWEST_VALUES, FF1, ROUNDS, first_block

Numbers: TypeAlias = NDArray[np.uint64]

# What fits the array form: numbers of one array up to 63 bits, and two halves of 64 bits each.
MOST_BITS: Final = 63
MOST_WIDE_BITS: Final = 128
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

    def forth_wide(self, numbers: NDArray[Any], *, sizes: NDArray[Any], tweaks: Numbers) -> NDArray[Any]:
        """The same for arrays of Python's integers of any size; up to 128 bits as fast as an array can."""
        return self._walk_wide(numbers, sizes, tweaks, self._forth, self.forth_one)

    def back_wide(self, numbers: NDArray[Any], *, sizes: NDArray[Any], tweaks: Numbers) -> NDArray[Any]:
        """The same for arrays of Python's integers of any size; up to 128 bits as fast as an array can."""
        return self._walk_wide(numbers, sizes, tweaks, self._back, self.back_one)

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

    def _walk_wide(
        self, numbers: NDArray[Any], sizes: NDArray[Any], tweaks: Numbers, step: _HalfStep, one: Callable[..., int]
    ) -> NDArray[Any]:
        if bool((sizes < FEWEST_VALUES).any()) or bool((numbers >= sizes).any()):
            raise InvalidParameter("a size is below a million, or a number is not below its size")
        out, bits = numbers.copy(), _bits(sizes)
        for width in np.unique(bits).tolist():
            here = np.flatnonzero(bits == width)
            if width > MOST_WIDE_BITS:
                rows = zip(here.tolist(), numbers[here], sizes[here], tweaks[here].tolist(), strict=True)
                for row, number, size, tweak in rows:
                    out[row] = one(int(number), size=int(size), tweak=tweak)
            else:
                self._walk_halves(out, sizes, tweaks, here, width, step)
        return out

    def _walk_halves(
        self,
        out: NDArray[Any],
        sizes: NDArray[Any],
        tweaks: Numbers,
        here: NDArray[np.int64],
        bits: int,
        step: _HalfStep,
    ) -> None:
        """Walk numbers of some bits as pairs of halves."""
        high = bits - bits // 2
        left, right = _halves(out[here], high)
        most_left, most_right = _halves(sizes[here] - 1, high)
        walking = np.arange(len(here))
        while len(walking):
            left[walking], right[walking] = step(left[walking], right[walking], tweaks[here][walking], bits)
            ahead = left[walking] > most_left[walking]
            beside = (left[walking] == most_left[walking]) & (right[walking] > most_right[walking])
            walking = walking[ahead | beside]
        out[here] = (left.astype(object) << high) | right.astype(object)

    def _encrypt(self, numbers: Numbers, tweaks: Numbers, bits: int) -> Numbers:
        high = np.uint64(bits - bits // 2)
        left, right = self._forth(numbers >> high, numbers & _mask(int(high)), tweaks, bits)
        return left << high | right

    def _decrypt(self, numbers: Numbers, tweaks: Numbers, bits: int) -> Numbers:
        high = np.uint64(bits - bits // 2)
        left, right = self._back(numbers >> high, numbers & _mask(int(high)), tweaks, bits)
        return left << high | right

    def _forth(self, left: Numbers, right: Numbers, tweaks: Numbers, bits: int) -> tuple[Numbers, Numbers]:
        moves, low, high = self._moves(tweaks, bits), bits // 2, bits - bits // 2
        for number in range(ROUNDS):
            left, right = right, (left + moves(number, right)) & _mask(low if number % 2 == 0 else high)
        return left, right

    def _back(self, left: Numbers, right: Numbers, tweaks: Numbers, bits: int) -> tuple[Numbers, Numbers]:
        moves, low, high = self._moves(tweaks, bits), bits // 2, bits - bits // 2
        for number in reversed(range(ROUNDS)):
            left, right = (right - moves(number, left)) & _mask(low if number % 2 == 0 else high), left
        return left, right

    def _moves(self, tweaks: Numbers, bits: int) -> Callable[[int, Numbers], Numbers]:
        """y of every round, modulo 2 ** 64. What does not change from round to round is enciphered once.

        Tweak, round and a half of up to seven bytes fill one block; with eight bytes the tweak has a block by itself.
        """
        encryptor, half_bytes = self._aes.encryptor(), (bits - bits // 2 + 7) // 8
        head = encryptor.update(first_block(2, length=bits, tweak_bytes=_TWEAK_BYTES))
        begins = np.tile(np.frombuffer(head, dtype=">u8").astype(np.uint64), (len(tweaks), 1))
        begins[:, 0] ^= tweaks
        if half_bytes == _TWEAK_BYTES:
            begins = _words(encryptor.update(begins.astype(">u8").tobytes()))

        def move(number: int, half: Numbers) -> Numbers:
            blocks = begins.copy()
            if half_bytes == _TWEAK_BYTES:
                blocks[:, 0] ^= np.uint64(number)
                blocks[:, 1] ^= half
            else:
                blocks[:, 1] ^= np.uint64(number << 8 * half_bytes) | half
            found = _words(encryptor.update(blocks.astype(">u8").tobytes()))
            # d is 8 bytes, or 12 for halves of more than four; of these the modulus, a power of two, keeps the last.
            return found[:, 0] if half_bytes <= 4 else found[:, 0] << np.uint64(32) | found[:, 1] >> np.uint64(32)

        return move


_Step: TypeAlias = Callable[[Numbers, Numbers, int], Numbers]
_HalfStep: TypeAlias = Callable[[Numbers, Numbers, Numbers, int], tuple[Numbers, Numbers]]


def _words(octets: bytes) -> Numbers:
    """Blocks as pairs of numbers."""
    return np.frombuffer(octets, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def _halves(numbers: NDArray[Any], high: int) -> tuple[Numbers, Numbers]:
    return (numbers >> high).astype(np.uint64), (numbers & ((1 << high) - 1)).astype(np.uint64)


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _bits(sizes: NDArray[Any]) -> NDArray[np.int64]:
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
