"""Keys as text that tells when it was mistyped: Bech32, without the limit on length, as age uses it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from privet.core.errors import InvalidParameter

_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK_WORDS: Final = 6


def encode(prefix: str, content: bytes) -> str:
    """Bytes under a prefix, in lower case. Reference: BIP 173.

    >>> encode("age", bytes(2))
    'age1qqqqlpnwam'
    """
    words = _regroup(content, 8, 5)
    check = _polymod([*_expand(prefix), *words, *[0] * _CHECK_WORDS]) ^ 1
    words += [(check >> 5 * (_CHECK_WORDS - 1 - place)) & 31 for place in range(_CHECK_WORDS)]
    return prefix + "1" + "".join(_LETTERS[word] for word in words)


def decode(text: str) -> tuple[str, bytes]:
    """The prefix, in lower case, and the bytes.

    Errors: InvalidParameter, which does not repeat the text: it may be a secret key.

    >>> decode("AGE1QQQQLPNWAM")
    ('age', b'\\x00\\x00')
    """
    lower = text.lower()
    prefix, one, tail = lower.rpartition("1")
    if text not in (lower, text.upper()) or not one or not prefix or len(tail) < _CHECK_WORDS:
        raise _mistyped()
    # Letters outside the printable range would change under lower() and upper() in ways that Bech32 does not know.
    if not all("!" <= letter <= "~" for letter in text) or not set(tail) <= set(_LETTERS):
        raise _mistyped()
    words = [_LETTERS.index(letter) for letter in tail]
    if _polymod([*_expand(prefix), *words]) != 1:
        raise _mistyped()
    return prefix, bytes(_ungroup(words[:-_CHECK_WORDS]))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(words: Iterable[int]) -> int:
    """The checksum's remainder over GF(32)."""
    remainder = 1
    for word in words:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ word
        for place, generator in enumerate(_GENERATOR):
            remainder ^= generator if (top >> place) & 1 else 0
    return remainder


def _regroup(content: Iterable[int], width: int, into: int) -> list[int]:
    """Words of one width as words of another; the last is filled up with zeros."""
    held, bits, words = 0, 0, []
    for word in content:
        held, bits = (held << width) | word, bits + width
        while bits >= into:
            bits -= into
            words.append((held >> bits) & ((1 << into) - 1))
        held &= (1 << bits) - 1
    return [*words, held << (into - bits)] if bits else words


def _ungroup(words: list[int]) -> list[int]:
    """Back to bytes: the filling must be zeros and shorter than a word, so that bytes have one text."""
    spare = len(words) * 5 % 8
    if spare >= 5 or (words and words[-1] & ((1 << spare) - 1)):
        raise _mistyped()
    whole = _regroup(words, 5, 8)
    return whole[: len(words) * 5 // 8]


def _mistyped() -> InvalidParameter:
    return InvalidParameter("this is not a key: a letter is missing or mistyped. Copy it again, whole")
