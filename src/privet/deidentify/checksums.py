"""Check digits and the like, by the names of their standards. Texts are what a recogniser matched."""

from __future__ import annotations

import datetime
import hashlib
import operator
from itertools import pairwise

_NOT_DIGITS = bytes(code for code in range(256) if code not in b"0123456789")
# Every second digit counts twice, and two digits of that are added.
_DOUBLED = str.maketrans("0123456789", "0246813579")


def digits(text: str) -> str:
    """The ASCII digits of a text, in order."""
    if text.isdigit():
        return text
    return str(text.encode("ascii", "replace").translate(None, _NOT_DIGITS), "ascii")


def weighted_sum(text: str, weights: tuple[int, ...]) -> int:
    """Sum of digits times weights, as most national checksums need it."""
    if len(text) != len(weights):
        raise ValueError(f"{len(weights)} weights need as many digits")
    return sum(map(operator.mul, map(int, text), weights))


def luhn(text: str) -> bool:
    """Whether the digits of the text keep Luhn's rule (ISO/IEC 7812-1, annex B).

    >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
    (True, False)
    """
    number = digits(text)
    # The sum of the digits is that of their codes, less the code of 0 for each.
    codes = (number[::-2] + number[-2::-2].translate(_DOUBLED)).encode()
    return (sum(codes) - 48 * len(codes)) % 10 == 0


# Multiplication in the dihedral group of ten elements, and the permutation that Verhoeff chose.
_DIHEDRAL = tuple(
    tuple(
        (a + b) % 5 if a < 5 and b < 5 else 5 + (a + b) % 5 if a < 5 else 5 + (a - b) % 5 if b < 5 else (a - b) % 5
        for b in range(10)
    )
    for a in range(10)
)
_PERMUTED = [tuple(range(10)), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)]
for _ in range(6):
    _PERMUTED.append(tuple(_PERMUTED[1][digit] for digit in _PERMUTED[-1]))


def verhoeff(text: str) -> bool:
    """Whether the digits keep Verhoeff's rule (1969), the check digit last.

    >>> verhoeff("2363"), verhoeff("2364")
    (True, False)
    """
    state = 0
    for place, digit in enumerate(reversed(digits(text))):
        state = _DIHEDRAL[state][_PERMUTED[place % 8][int(digit)]]
    return state == 0


def mod_11_10(text: str) -> bool:
    """Whether the digits keep ISO/IEC 7064 MOD 11,10, the check digit last.

    >>> mod_11_10("86095742719"), mod_11_10("86095742718")
    (True, False)
    """
    product = 10
    for digit in text[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(text[-1])


def mod_97(text: str) -> int:
    """Letters as 10 to 35, then the remainder by 97 (ISO/IEC 7064 MOD 97-10)."""
    return int("".join(str(int(character, 36)) for character in text)) % 97


def is_date(year: int, month: int, day: int) -> bool:
    """Whether the calendar has the day.

    >>> is_date(2000, 2, 29), is_date(1900, 2, 29)
    (True, False)
    """
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


_BASE58 = {letter: number for number, letter in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}


def base58check(text: str, *, length: int = 25) -> bool:
    """Whether the last four of ``length`` bytes are the double SHA-256 of the others (Bitcoin's base58check).

    >>> base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")
    (True, False)
    """
    number = 0
    for character in text:
        if character not in _BASE58:
            return False
        number = number * 58 + _BASE58[character]
    if number >= 256**length:
        return False
    raw = number.to_bytes(length, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


_BECH32 = {letter: number for number, letter in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def bech32(text: str) -> bool:
    """Whether the text keeps the checksum of bech32 (BIP 173) or bech32m (BIP 350).

    >>> bech32("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"), bech32("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp")
    (True, False)
    """
    prefix, _, data = text.lower().rpartition("1")
    if not prefix or any(character not in _BECH32 for character in data):
        return False
    values = [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    state = 1
    for value in values + [_BECH32[character] for character in data]:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATORS):
            state ^= generator if top >> place & 1 else 0
    return state in (1, 0x2BC830A3)


def all_the_same(text: str) -> bool:
    """Whether one digit fills it: made up, whatever its checksum says."""
    return all(one == other for one, other in pairwise(digits(text)))
