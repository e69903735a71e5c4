"""Payment card numbers: the digits that say whose network it is stay; the last one keeps Luhn's rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import VALUE, Letters, Ranked, decimal, written

# First digits that pin a network, by how many it takes; four for all others.
_PINNED_BY_TWO = np.array([34, 37, 51, 52, 53, 54, 55, 65], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class CreditCard:
    """ISO/IEC 7812-1, annex B (Luhn). One to four digits are kept: 4, 34, 37, 51 to 55, 65, else four."""

    label: str = "payment card number"
    separators: str = " -"
    pattern: re.Pattern[str] = re.compile(r"9{12,19}")

    def rank(self, letters: Letters) -> Ranked:
        payload = decimal(letters[:, :-1])
        sizes = _sizes(letters)
        valid = VALUE[letters[:, -1]] == luhn_digit(letters[:, :-1])
        return Ranked(valid, payload % sizes, sizes, payload // sizes)

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        sizes = _sizes(letters)
        payload = decimal(letters[:, :-1]) // sizes * sizes + ranks
        out = letters.copy()
        out[:, :-1] = written(payload, width=letters.shape[1] - 1)
        out[:, -1] = luhn_digit(out[:, :-1]) + ord("0")
        return out


def _sizes(letters: Letters) -> NDArray[np.uint64]:
    pinned = np.where(np.isin(decimal(letters[:, :2]), _PINNED_BY_TWO), 2, 4)
    kept = np.where(letters[:, 0] == ord("4"), 1, pinned)
    return np.asarray(np.uint64(10) ** (letters.shape[1] - 1 - kept).astype(np.uint64))


def luhn_digit(payload: Letters) -> NDArray[np.uint8]:
    """The check digit of every row.

    >>> luhn_digit(np.frombuffer(b"411111111111111", dtype=np.uint8).reshape(1, -1)).tolist()
    [1]
    """
    digits = VALUE[payload].astype(np.int64)
    doubled = 2 * digits[:, ::-1][:, ::2]
    total = digits[:, ::-1][:, 1::2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    return np.asarray(-total % 10, dtype=np.uint8)


FORMAT = CreditCard()
