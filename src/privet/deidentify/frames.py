"""Tables of pandas, Polars and Arrow as pandas frames."""

from __future__ import annotations

from typing import Any

from privet.core.errors import InvalidParameter


def as_pandas(table: Any) -> Any:
    """A table as a pandas frame. Errors: InvalidParameter if it is of no kind that is known."""
    kind = kind_of(table)
    if kind == "pandas":
        return table
    return frame_of(table if kind == "pyarrow" else table.to_arrow())


def frame_of(table: Any) -> Any:
    """An Arrow table as a pandas frame; whole numbers stay whole where cells are missing."""
    return table.to_pandas(integer_object_nulls=True, date_as_object=False)


def kind_of(table: Any) -> str:
    """Which library a table is of. Errors: InvalidParameter if of none that is known."""
    kind = type(table).__module__.split(".")[0]
    if kind not in ("pandas", "polars", "pyarrow") or not hasattr(table, "columns"):
        raise InvalidParameter(
            f"a {type(table).__name__} is no table that is known here; give one of pandas, Polars or Arrow"
        )
    return kind
