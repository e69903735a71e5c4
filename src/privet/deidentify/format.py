"""What the form of an identifier is: a number in its clothes. Whole columns at a time, as arrays of characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FAMILY = "privet.deidentify.formats"

Letters: TypeAlias = NDArray[np.uint8]

# Numbers below this fit 63 bits, as the array form of the cipher needs; larger ones are Python's integers.
FITS: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Ranked:
    """Identifiers taken apart. Shapes: one entry each for every row.

    ``valid`` says which rows are identifiers of the kind; nothing is meant by the other entries of the rest. ``ranks``
    are the secrets, each below its entry of ``sizes`` (unsigned integers, or objects where they need more than 63
    bits). ``tweaks`` stand for what is kept beside the secret, so that equal secrets beside other text differ.
    """

    valid: NDArray[np.bool_]
    ranks: NDArray[Any]
    sizes: NDArray[Any]
    tweaks: NDArray[np.uint64]


class Format(Protocol):
    """One kind of identifier.

    ``pattern`` is held against an identifier without its ``separators``, every digit written as 9, every capital as A
    and every small letter as a. ``rank`` and ``write`` get rows of one such shape, without separators, which
    stay where they were.
    """

    label: str
    separators: str
    pattern: re.Pattern[str]

    def rank(self, letters: Letters) -> Ranked: ...

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters: ...


def _table(pairs: dict[str, int]) -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for letter, value in pairs.items():
        table[ord(letter)] = value
    return table


_DIGITS, _CAPITALS, _SMALL = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
# What each character counts in its own alphabet, how many that has, and where it begins.
VALUE: Final = _table({letter: place for alphabet in (_DIGITS, _CAPITALS, _SMALL)
                       for place, letter in enumerate(alphabet)})  # fmt: skip
RADIX: Final = _table({letter: len(alphabet) for alphabet in (_DIGITS, _CAPITALS, _SMALL) for letter in alphabet})
FIRST: Final = _table({letter: ord(alphabet[0]) for alphabet in (_DIGITS, _CAPITALS, _SMALL) for letter in alphabet})
SHAPE: Final = np.arange(256, dtype=np.uint8)
for _alphabet, _stands in ((_DIGITS, "9"), (_CAPITALS, "A"), (_SMALL, "a")):
    SHAPE[[ord(letter) for letter in _alphabet]] = ord(_stands)


def decimal(digits: Letters) -> NDArray[np.uint64]:
    """Rows of at most 19 digits as numbers.

    >>> decimal(np.frombuffer(b"0120", dtype=np.uint8).reshape(2, 2)).tolist()
    [1, 20]
    """
    numbers = np.zeros(len(digits), dtype=np.uint64)
    for column in VALUE[digits].T:
        numbers = numbers * np.uint64(10) + column
    return numbers


def written(numbers: NDArray[np.uint64], *, width: int) -> Letters:
    """Numbers as rows of ``width`` digits.

    >>> written(np.array([7], dtype=np.uint64), width=3).tobytes()
    b'007'
    """
    digits = np.empty((len(numbers), width), dtype=np.uint8)
    for place in reversed(range(width)):
        digits[:, place] = numbers % np.uint64(10) + np.uint64(ord("0"))
        numbers = numbers // np.uint64(10)
    return digits


def rank_by_class(letters: Letters) -> tuple[NDArray[Any], int]:
    """Rows of one shape as numbers, each character counting in its own alphabet; and how many such rows there are."""
    radices = RADIX[letters[0]].tolist() if len(letters) else []
    size, kind = 1, np.uint64
    for radix in radices:
        size *= radix
    numbers = np.zeros(len(letters), dtype=kind if size < FITS else object)
    for column, radix in zip(VALUE[letters].T, radices, strict=True):
        numbers = (
            numbers * numbers.dtype.type(radix) + column if size < FITS else numbers * radix + column.astype(object)
        )
    return numbers, size


def write_by_class(letters: Letters, ranks: NDArray[Any]) -> Letters:
    """The rows that numbers stand for, of the shape of ``letters``."""
    out, rest = np.empty_like(letters), ranks
    radices = RADIX[letters[0]].tolist() if len(letters) else []
    for place in reversed(range(letters.shape[1])):
        radix = radices[place] if rest.dtype == object else np.uint64(radices[place])
        out[:, place] = (rest % radix).astype(np.uint8) + FIRST[letters[:, place]]
        rest = rest // radix
    return out


def tweak_of(kept: Letters) -> NDArray[np.uint64]:
    """A number for what is kept of each row: different for different texts of up to seven characters."""
    numbers = np.zeros(len(kept), dtype=np.uint64)
    for column in kept.T:
        numbers = numbers * np.uint64(257) + column + np.uint64(1)
    return numbers


def same_for_all(size: int, *, rows: int) -> NDArray[Any]:
    """One size for every row."""
    return np.full(rows, size, dtype=np.uint64 if size < FITS else object)
