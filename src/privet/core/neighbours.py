"""Whom a guarantee protects, and against which change of the data."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from privet.core.errors import InvalidParameter


class Relation(enum.StrEnum):
    """Which two data sets are neighbours.

    ADD_OR_REMOVE: one unit's records are there or not; the number of units is private.
    REPLACE_ONE:   one unit's records are exchanged; the number of units is public.
    ZERO_OUT:      one unit's records are replaced by a null record; the number of units is public.
    """

    ADD_OR_REMOVE = "add-or-remove-one"
    REPLACE_ONE = "replace-one"
    ZERO_OUT = "zero-out-one"

    @property
    def sum_sensitivity_factor(self) -> int:
        """Sensitivity of a sum of vectors, over the bound on one unit's norm: 2 if one is exchanged, else 1.

        >>> Relation.REPLACE_ONE.sum_sensitivity_factor
        2
        """
        return 2 if self is Relation.REPLACE_ONE else 1

    def describe(self, unit: str) -> str:
        return {
            Relation.ADD_OR_REMOVE: f"one {unit} more or less",
            Relation.REPLACE_ONE: f"one {unit} exchanged for another",
            Relation.ZERO_OUT: f"one {unit} replaced by an empty one",
        }[self]


@dataclass(frozen=True, slots=True)
class PrivacyUnit:
    """Who is protected: a name, the column that tells units apart, and how many rows each may contribute.

    ``column`` is None when every row is its own unit; then ``max_rows`` must be 1.

    >>> PrivacyUnit("person", column="person_id", max_rows=5).describe()
    'person (by column person_id, at most 5 rows each)'
    """

    name: str
    column: str | None = None
    max_rows: int = 1

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidParameter("privacy unit has no name; say who is protected, for example 'person'")
        if isinstance(self.max_rows, bool) or not isinstance(self.max_rows, int) or self.max_rows < 1:
            raise InvalidParameter(f"max_rows is {self.max_rows!r}; give a whole number of at least 1")
        if self.column is None and self.max_rows != 1:
            raise InvalidParameter(
                f"max_rows is {self.max_rows} but no column tells units apart; name the column or use 1"
            )

    def describe(self) -> str:
        if self.column is None:
            return f"{self.name} (every row is one)"
        rows = "1 row" if self.max_rows == 1 else f"{self.max_rows} rows"
        return f"{self.name} (by column {self.column}, at most {rows} each)"

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "column": self.column, "max_rows": self.max_rows}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> PrivacyUnit:
        return cls(body["name"], column=body["column"], max_rows=body["max_rows"])
