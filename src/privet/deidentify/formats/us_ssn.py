"""United States social security numbers: any that could be issued becomes another that could."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.format import Letters, Ranked, decimal, same_for_all, written

# Areas 001 to 899 without 666, groups 01 to 99, serials 0001 to 9999.
_AREAS, _GROUPS, _SERIALS = 898, 99, 9999
_NEVER = np.uint64(666)


@dataclass(frozen=True, slots=True)
class UsSsn:
    """Social Security Administration, randomised numbering since 2011. There is no check digit; nothing is kept."""

    label: str = "US social security number"
    separators: str = "- "
    pattern: re.Pattern[str] = re.compile(r"9{9}")

    def rank(self, letters: Letters) -> Ranked:
        area, group, serial = decimal(letters[:, :3]), decimal(letters[:, 3:5]), decimal(letters[:, 5:])
        valid = (area > 0) & (area < 900) & (area != _NEVER) & (group > 0) & (serial > 0)
        place = area - np.uint64(1) - (area > _NEVER).astype(np.uint64)
        ranks = (place * np.uint64(_GROUPS) + group - np.uint64(1)) * np.uint64(_SERIALS) + serial - np.uint64(1)
        sizes = same_for_all(_AREAS * _GROUPS * _SERIALS, rows=len(letters))
        return Ranked(valid, ranks, sizes, np.zeros(len(letters), dtype=np.uint64))

    def write(self, letters: Letters, ranks: NDArray[Any]) -> Letters:
        rest, serial = np.divmod(ranks, np.uint64(_SERIALS))
        place, group = np.divmod(rest, np.uint64(_GROUPS))
        area = place + np.uint64(1)
        area += (area >= _NEVER).astype(np.uint64)
        one = np.uint64(1)
        parts = [written(area, width=3), written(group + one, width=2), written(serial + one, width=4)]
        return np.concatenate(parts, axis=1)


FORMAT = UsSsn()
