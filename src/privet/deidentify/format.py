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
    numbers, size = np.zeros(len(letters), dtype=np.uint64), 1
    for places, part_size in _parts(letters):
        part = np.zeros(len(letters), dtype=np.uint64)
        for place in places:
            part = part * np.uint64(RADIX[letters[0, place]]) + VALUE[letters[:, place]]
        # Few additions of Python's integers, each of what fits 63 bits.
        numbers = part if size == 1 else numbers.astype(object) * part_size + part.astype(object)
        size *= part_size
    return numbers, size


def write_by_class(letters: Letters, ranks: NDArray[Any]) -> Letters:
    """The rows that numbers stand for, of the shape of ``letters``."""
    out, rest, parts = np.empty_like(letters), ranks, _parts(letters)
    for number, (places, part_size) in reversed(list(enumerate(parts))):
        part, rest = (rest % part_size, rest // part_size) if number else (rest, rest)
        part = part.astype(np.uint64)
        for place in reversed(places):
            radix = np.uint64(RADIX[letters[0, place]])
            out[:, place] = (part % radix).astype(np.uint8) + FIRST[letters[:, place]]
            part = part // radix
    return out


def _parts(letters: Letters) -> list[tuple[list[int], int]]:
    """Places of a shape, from the left, cut into parts that fit 63 bits; and how many values each part has."""
    parts: list[tuple[list[int], int]] = [([], 1)]
    for place, radix in enumerate(RADIX[letters[0]].tolist() if len(letters) else []):
        places, size = parts[-1]
        if size * radix < FITS:
            parts[-1] = ([*places, place], size * radix)
        else:
            parts.append(([place], radix))
    return parts


def tweak_of(kept: Letters) -> NDArray[np.uint64]:
    """A number for what is kept of each row: different for different texts of up to seven characters."""
    numbers = np.zeros(len(kept), dtype=np.uint64)
    for column in kept.T:
        numbers = numbers * np.uint64(257) + column + np.uint64(1)
    return numbers


def same_for_all(size: int, *, rows: int) -> NDArray[Any]:
    """One size for every row."""
    return np.full(rows, size, dtype=np.uint64 if size < FITS else object)
