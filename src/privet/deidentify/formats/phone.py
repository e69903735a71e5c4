"""Telephone numbers: the last seven digits become others; country, area and the way it is written stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import Letters, Ranked, decimal, tweak_of, written

_SECRET = 7
_MILLION = np.uint64(10**6)


@dataclass(frozen=True, slots=True)
class Phone:
    """ITU-T E.164, 7 to 15 digits. The first of the seven stays 0 or 1, or stays above: in North America no exchange
    begins with 0 or 1."""

    label: str = "telephone number"
    separators: str = " -.()/+"
    pattern: re.Pattern[str] = re.compile(r"9{7,15}")

    def rank(self, letters: Letters) -> Ranked:
        number, low = decimal(letters[:, -_SECRET:]), _is_low(letters)
        ranks = np.where(low, number, number - np.uint64(2) * _MILLION)
        sizes = np.where(low, np.uint64(2), np.uint64(8)) * _MILLION
        everyone = np.ones(len(letters), dtype=np.bool_)
        return Ranked(everyone, ranks, sizes, tweak_of(letters[:, :-_SECRET]))

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        out = letters.copy()
        number = np.where(_is_low(letters), ranks, ranks + np.uint64(2) * _MILLION)
        out[:, -_SECRET:] = written(number, width=_SECRET)
        return out


def _is_low(letters: Letters) -> NDArray[np.bool_]:
    return letters[:, -_SECRET] < ord("2")


FORMAT = Phone()
