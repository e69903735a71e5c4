"""FF1: encryption that keeps a number's form, after NIST SP 800-38G; the standard's words, one value at a time.

``permute.py`` runs the same cipher on whole arrays, in base 2, and is held to this.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from privet.core.errors import InvalidParameter

ROUNDS: Final = 10
# Revision 1 of the standard: with fewer values than this a Feistel cipher gives too much away.
FEWEST_VALUES: Final = 1_000_000


class FF1:
    """The cipher under one AES key, for numerals of one ``radix``.

    Guarantee: a permutation of the strings of one length for each tweak; a pseudorandom one as far as is known, if AES
    is. The key undoes it.
    Errors: InvalidParameter for a radix outside 2 to 65,536, a numeral that is not below the radix, or a string that
    has fewer than a million possibilities.
    Reference: NIST SP 800-38G Rev. 1 (2nd draft, 2025), algorithms 7 and 8.

    >>> FF1(bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), radix=10).encrypt([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    [2, 4, 3, 3, 4, 7, 7, 4, 8, 4]
    """

    def __init__(self, key: bytes, *, radix: int) -> None:
        if not 2 <= radix <= 1 << 16:
            raise InvalidParameter(f"radix is {radix}; give 2 to 65536")
        # Single blocks under ECB are AES itself, of which the standard builds its CBC-MAC and its counter.
        self._aes = Cipher(AES(key), ECB())
        self._radix = radix

    def encrypt(self, numerals: list[int], *, tweak: bytes = b"") -> list[int]:
        """The string that this one becomes; equal strings under different tweaks have nothing in common."""
        self._check(numerals)
        left, right, low, high = self._halves(numerals)
        for number in range(ROUNDS):
            size = low if number % 2 == 0 else high
            moved = (left + self._round(number, right, len(numerals), tweak)) % self._radix**size
            left, right = right, moved
        return self._numerals(left, low) + self._numerals(right, high)

    def decrypt(self, numerals: list[int], *, tweak: bytes = b"") -> list[int]:
        """The string that became this one."""
        self._check(numerals)
        left, right, low, high = self._halves(numerals)
        for number in reversed(range(ROUNDS)):
            size = low if number % 2 == 0 else high
            moved = (right - self._round(number, left, len(numerals), tweak)) % self._radix**size
            left, right = moved, left
        return self._numerals(left, low) + self._numerals(right, high)

    def _halves(self, numerals: list[int]) -> tuple[int, int, int, int]:
        """A and B as numbers, and their lengths u and v."""
        low = len(numerals) // 2
        return self._number(numerals[:low]), self._number(numerals[low:]), low, len(numerals) - low

    def _round(self, number: int, half: int, length: int, tweak: bytes) -> int:
        """y of step 6: what the other half moves by."""
        low = length // 2
        half_bytes = (((self._radix ** (length - low)) - 1).bit_length() + 7) // 8
        wanted = 4 * ((half_bytes + 3) // 4) + 4
        head = first_block(self._radix, length=length, tweak_bytes=len(tweak))
        filling = bytes((-len(tweak) - half_bytes - 1) % 16)
        mac = self._mac(head + tweak + filling + bytes([number]) + half.to_bytes(half_bytes, "big"))
        return int.from_bytes(self._stretched(mac, wanted), "big")

    def _mac(self, message: bytes) -> bytes:
        """CBC-MAC, algorithm 6."""
        state = bytes(16)
        for start in range(0, len(message), 16):
            state = self._block(_xor(state, message[start : start + 16]))
        return state

    def _stretched(self, mac: bytes, wanted: int) -> bytes:
        blocks = [mac]
        while 16 * len(blocks) < wanted:
            blocks.append(self._block(_xor(mac, len(blocks).to_bytes(16, "big"))))
        return b"".join(blocks)[:wanted]

    def _block(self, block: bytes) -> bytes:
        return self._aes.encryptor().update(block)

    def _number(self, numerals: list[int]) -> int:
        found = 0
        for numeral in numerals:
            found = found * self._radix + numeral
        return found

    def _numerals(self, number: int, size: int) -> list[int]:
        found = []
        for _ in range(size):
            number, numeral = divmod(number, self._radix)
            found.append(numeral)
        return found[::-1]

    def _check(self, numerals: list[int]) -> None:
        if self._radix ** len(numerals) < FEWEST_VALUES or len(numerals) < 2:
            raise InvalidParameter(
                f"a string of {len(numerals)} numerals of base {self._radix} has fewer than a million possibilities, "
                "too few to keep a secret by; replace it by a pseudonym"
            )
        if not all(0 <= numeral < self._radix for numeral in numerals):
            raise InvalidParameter(f"a numeral is not between 0 and {self._radix - 1}; give the radix it belongs to")


def first_block(radix: int, *, length: int, tweak_bytes: int) -> bytes:
    """P of step 5."""
    low = length // 2
    return (
        bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, low % 256])
        + length.to_bytes(4, "big") + tweak_bytes.to_bytes(4, "big")
    )  # fmt: skip


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
