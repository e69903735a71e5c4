"""The risk of a table before and after it is treated, counted while its pieces pass by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from privet.deidentify.combinations import Tally, first_cells
from privet.deidentify.detect import find_in_table
from privet.deidentify.measure import kept, summary
from privet.deidentify.policy import Policy


class RiskWatch:
    """Sees every piece of a file, untreated and treated, and tells at the end what each gives away.

    Of the pieces only the combinations of the columns that others may know are kept, as codes with their counts.
    Guarantee: the figures are those of the two files.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._before, self._after = Tally(self.columns), Tally(self.columns)

    def see(self, piece: Any, treated: Any) -> None:
        """A piece of the file, and the same rows as they leave: Arrow tables."""
        self._before.add(piece)
        self._after.add(treated)

    def report(self) -> dict[str, Any]:
        """k, the share of unique rows and the worst combinations before and after; without columns there is nothing."""
        if not self.columns:
            return {"columns": []}
        before, after = self._before.coded(), self._after.coded()
        return {
            "columns": list(self.columns),
            "before": summary(before, columns=self.columns),
            "after": summary(after, columns=[name for name in self.columns if name in after.columns]),
            "kept": kept(before, after, columns=self.columns),
        }


def watched_columns(source: Path, policy: Policy) -> tuple[str, ...]:
    """The columns of a file that others may know: those the policy names, else those whose role is quasi-identifier.

    Errors: InvalidParameter as of ``Policy.overrule``, or if the file is broken.
    """
    if policy.quasi_identifiers:
        return policy.quasi_identifiers
    found = policy.overrule(find_in_table(first_cells(source, filled=2000)))
    return tuple(item.column for item in found if item.role == "quasi-identifier")
