"""Tables of pandas, Polars and Arrow: as the operators take them, and back as they came."""

from __future__ import annotations

from typing import Any

from privet.core.errors import InvalidParameter, MissingDependency
from privet.deidentify.frames import as_pandas, frame_of, kind_of
from privet.deidentify.operators.keep import Keep
from privet.deidentify.policy import Policy

__all__ = ["arrow", "arrow_of", "as_pandas", "cells", "frame_of", "is_untouched", "like", "type_of"]


def like(table: Any, treated: Any, *, policy: Policy | None, changed: tuple[str, ...] = ()) -> Any:
    """The treated frame as a table of the kind that came in; columns that nothing touched are the same objects.

    ``changed`` names the columns that are now text, where no policy says so.
    """
    kind = kind_of(table)
    if kind == "pandas":
        return treated
    source = table if kind == "pyarrow" else table.to_arrow()
    made = arrow_of(source, treated, policy=policy, changed=changed)
    if kind == "pyarrow":
        return made
    import polars

    return polars.from_arrow(made)


def arrow_of(source: Any, treated: Any, *, policy: Policy | None, changed: tuple[str, ...] = ()) -> Any:
    """An Arrow table from a treated frame, each column of the type that its operator gives, whatever the cells are."""
    pa = arrow()
    columns = {}
    for name in map(str, treated.columns):
        if (policy is None and name not in changed) or (policy is not None and is_untouched(policy, name)):
            columns[name] = source.column(name)
            continue
        wanted = pa.string() if policy is None else type_of(policy, name, source.schema.field(name).type)
        columns[name] = cells(treated[name], wanted)
    return pa.table(columns)


def is_untouched(policy: Policy, name: str) -> bool:
    """Whether a column leaves as it came."""
    return isinstance(policy.operator(name), Keep) and not any(name in step.columns for step in policy.together)


def type_of(policy: Policy, name: str, came: Any) -> Any:
    """The Arrow type of a treated column: known before the first cell, so that all pieces of a file agree."""
    found = came
    steps = [step.operator.traits for step in policy.together if name in step.columns]
    for traits in [policy.operator(name).traits, *steps]:
        found = _given(traits.gives, found)
    return found


def _given(gives: str, came: Any) -> Any:
    pa = arrow()
    if gives == "number" and (pa.types.is_integer(came) or pa.types.is_floating(came) or pa.types.is_decimal(came)):
        return pa.float64()
    return pa.string() if gives in ("text", "number") else came


def cells(column: Any, wanted: Any) -> Any:
    """A pandas column as an Arrow array of the wanted type. Errors: InvalidParameter if a cell does not fit."""
    pa = arrow()
    try:
        return pa.Array.from_pandas(column, type=wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    try:
        return pa.Array.from_pandas(column).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        raise InvalidParameter(
            f"column {column.name!r} holds what its type ({wanted}) cannot; store it as text, or treat a pandas table"
        ) from None


def arrow() -> Any:
    """PyArrow. Errors: MissingDependency without it."""
    try:
        import pyarrow
    except ImportError:
        raise MissingDependency(
            "Arrow, Polars and files that are treated piece by piece need pyarrow; pip install privet[data]"
        ) from None
    return pyarrow
