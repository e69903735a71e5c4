"""Anything of ASCII letters and digits: a digit becomes a digit, a capital a capital, a small letter a small one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import RADIX, Letters, Ranked, rank_by_class, same_for_all, tweak_of, write_by_class


@dataclass(frozen=True, slots=True)
class Characters:
    """Letters and digits of at least a million possibilities together; all else stays."""

    label: str = "text of the same form"
    separators: str = ""
    pattern: re.Pattern[str] = re.compile(r".*", re.DOTALL)

    def rank(self, letters: Letters) -> Ranked:
        secret = RADIX[letters[0]] > 0
        ranks, size = rank_by_class(letters[:, secret])
        everyone = np.ones(len(letters), dtype=np.bool_)
        return Ranked(everyone, ranks, same_for_all(size, rows=len(letters)), tweak_of(letters[:, ~secret]))

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        out, secret = letters.copy(), RADIX[letters[0]] > 0
        out[:, secret] = write_by_class(letters[:, secret], ranks)
        return out


FORMAT = Characters()
