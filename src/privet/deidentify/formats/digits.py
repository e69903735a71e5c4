"""Anything with digits in it: every digit becomes another, all else stays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import Letters, Ranked, rank_by_class, same_for_all, tweak_of, write_by_class


@dataclass(frozen=True, slots=True)
class Digits:
    """At least six digits, however many other characters are between them."""

    label: str = "number of the same form"
    separators: str = ""
    pattern: re.Pattern[str] = re.compile(r"[^9]*(9[^9]*){6,}", re.DOTALL)

    def rank(self, letters: Letters) -> Ranked:
        secret = _digits(letters)
        ranks, size = rank_by_class(letters[:, secret])
        everyone = np.ones(len(letters), dtype=np.bool_)
        return Ranked(everyone, ranks, same_for_all(size, rows=len(letters)), tweak_of(letters[:, ~secret]))

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        out, secret = letters.copy(), _digits(letters)
        out[:, secret] = write_by_class(letters[:, secret], ranks)
        return out


def _digits(letters: Letters) -> NDArray[np.bool_]:
    return np.asarray((letters[0] >= ord("0")) & (letters[0] <= ord("9")))


FORMAT = Digits()
