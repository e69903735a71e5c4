"""Taiwan's identification and resident certificate numbers, old and new; the kind of holder stays, sex does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import FIRST, VALUE, Letters, Ranked, decimal, written

# The letter of the place of first registration stands for two digits, 10 to 35.
_PLACE = np.array([10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
_WEIGHTS = np.array([8, 7, 6, 5, 4, 3, 2, 1])
_SERIALS = np.uint64(10**7)
# What the second character may be: citizens 1 and 2, residents 8 and 9, or a letter until 2021.
_KINDS = (b"12", b"89", b"ABCD", b"abcd")


@dataclass(frozen=True, slots=True)
class TaiwanId:
    """Ministry of the Interior, national identification number; unified resident number before and since 2021."""

    label: str = "Taiwan ID number"
    separators: str = ""
    pattern: re.Pattern[str] = re.compile(r"[Aa]9{9}|AA9{8}|aa9{8}")

    def rank(self, letters: Letters) -> Ranked:
        kind, place, count = _second(letters)
        first = VALUE[letters[:, 0]].astype(np.uint64)
        serial = decimal(letters[:, 2:9])
        valid = (kind >= 0) & (VALUE[letters[:, 9]] == _check_digit(letters[:, :9]))
        ranks = (first * count + place) * _SERIALS + serial
        return Ranked(valid, ranks, np.uint64(26) * count * _SERIALS, kind.astype(np.uint64))

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        kind, _, count = _second(letters)
        rest, serial = np.divmod(ranks, _SERIALS)
        first, place = np.divmod(rest, count)
        out = letters.copy()
        out[:, 0] = FIRST[letters[:, 0]] + first.astype(np.uint8)
        begins = np.array([characters[0] for characters in _KINDS], dtype=np.uint8)
        out[:, 1] = begins[kind] + place.astype(np.uint8)
        out[:, 2:9] = written(serial, width=7)
        out[:, 9] = _check_digit(out[:, :9]) + ord("0")
        return out


def _second(letters: Letters) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Which kind of holder, -1 for none; which of its characters; and how many it has."""
    kind = np.full(len(letters), -1)
    place, count = np.zeros(len(letters), dtype=np.uint64), np.ones(len(letters), dtype=np.uint64)
    for number, characters in enumerate(_KINDS):
        here = np.isin(letters[:, 1], list(characters))
        kind[here], count[here] = number, len(characters)
        place[here] = letters[here, 1] - characters[0]
    return kind, place, count


def _check_digit(body: Letters) -> NDArray[np.uint8]:
    """The last digit, which makes the weighted sum a multiple of ten."""
    first = _PLACE[VALUE[body[:, 0]]]
    digits = VALUE[body[:, 1:]].astype(np.int64)
    # Of a letter in the second place only the last digit counts.
    is_letter = body[:, 1] > ord("9")
    digits[is_letter, 0] = _PLACE[digits[is_letter, 0]] % 10
    total = first // 10 + first % 10 * 9 + digits @ _WEIGHTS
    return np.asarray(-total % 10, dtype=np.uint8)


FORMAT = TaiwanId()
