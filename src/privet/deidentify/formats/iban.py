"""International bank account numbers: the country stays, letters stay letters, the check digits are right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import (
    VALUE,
    Letters,
    Ranked,
    decimal,
    rank_by_class,
    same_for_all,
    tweak_of,
    write_by_class,
    written,
)


@dataclass(frozen=True, slots=True)
class Iban:
    """ISO 13616-1; ISO 7064 MOD 97-10. Check digits that some countries put inside the account are not kept."""

    label: str = "IBAN"
    separators: str = " "
    pattern: re.Pattern[str] = re.compile(r"AA99[A9]{11,30}")

    def rank(self, letters: Letters) -> Ranked:
        ranks, size = rank_by_class(letters[:, 4:])
        valid = decimal(letters[:, 2:4]) == _check_digits(letters)
        return Ranked(valid, ranks, same_for_all(size, rows=len(letters)), tweak_of(letters[:, :2]))

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        out = letters.copy()
        out[:, 4:] = write_by_class(letters[:, 4:], ranks)
        out[:, 2:4] = written(_check_digits(out), width=2)
        return out


def _check_digits(letters: Letters) -> NDArray[np.uint64]:
    """98 minus the remainder by 97 of account, country and two zeros, letters standing for 10 to 35."""
    rest = np.zeros(len(letters), dtype=np.uint64)
    for place in [*range(4, letters.shape[1]), 0, 1]:
        is_letter = letters[:, place] > ord("9")
        value = VALUE[letters[:, place]].astype(np.uint64) + np.where(is_letter, 10, 0).astype(np.uint64)
        rest = (rest * np.where(is_letter, 100, 10).astype(np.uint64) + value) % np.uint64(97)
    return np.uint64(98) - rest * np.uint64(100) % np.uint64(97)


FORMAT = Iban()
