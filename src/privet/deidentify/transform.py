"""Apply a policy to a table. Nothing is changed in place; a direct identifier that the policy keeps is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from privet.core.errors import InvalidParameter, PrivetError
from privet.deidentify.detect import ColumnFinding, find_in_table
from privet.deidentify.operators.keep import Keep
from privet.deidentify.policy import Policy
from privet.deidentify.tables import as_pandas, like


def deidentify(table: Any, *, policy: Policy, key: bytes, findings: tuple[ColumnFinding, ...] | None = None) -> Any:
    """The table with every column treated as the policy says; rows stay in their order.

    A pandas, Polars or Arrow table comes out as it went in.
    Guarantee: none. Fewer columns point at people, but what is left may still do so together: measure it
    (``privet.deidentify.risk``). Where every operator looks at cells, each row is treated by itself.
    Errors: InvalidParameter if the policy says nothing about a column, names one that is not there, or keeps one in
    which direct identifiers were found without a written reason.
    """
    frame = as_pandas(table)
    policy.check_columns(str(name) for name in frame.columns)
    refuse_kept_identifiers(findings if findings is not None else find_in_table(frame), policy=policy)
    return like(table, apply_policy(frame, policy=policy, key=key), policy=policy)


def apply_policy(frame: Any, *, policy: Policy, key: bytes) -> Any:
    """The bare transformation of a pandas table, without looking for what the policy may have missed."""
    return apply_together(apply_alone(frame, policy=policy, key=key), policy=policy, key=key)


def apply_alone(frame: Any, *, policy: Policy, key: bytes) -> Any:
    """Every column treated by itself; those that are dropped are gone."""
    import pandas

    treated = {name: treat_column(frame, str(name), policy=policy, key=key) for name in frame.columns}
    kept = {name: column for name, column in treated.items() if column is not None}
    return pandas.DataFrame(kept, index=frame.index)


def treat_column(frame: Any, name: str, *, policy: Policy, key: bytes) -> Any:
    """One column of a pandas table treated by itself, by whose cell it is where the policy names a person."""
    operator: Any = policy.operator(name)
    person, own = policy.person(name), policy.key(key, column=name)
    with told_without_cells(name):
        if person is not None:
            return operator.apply_by(frame[name], persons=frame[person], key=own)
        return operator.apply(frame[name], key=own)


def apply_together(frame: Any, *, policy: Policy, key: bytes) -> Any:
    """What the policy does to several columns at once, step by step, on columns that were treated by themselves."""
    for step in policy.together:
        with told_without_cells(*step.columns):
            treated = step.operator.apply_together(frame[list(step.columns)], key=policy.joint_key(key, step=step))
        frame = frame.assign(**{name: treated[name] for name in step.columns})
    return frame


def reverse(table: Any, *, policy: Policy, key: bytes) -> Any:
    """The table with every pseudonym that the policy calls reversible turned back into what it stood for.

    Other columns stay as they are. What comes out points at people again: treat it like the original.
    Errors: InvalidParameter if the policy calls no column of the table reversible, or the key is another.
    """
    frame = as_pandas(table)
    names = reversible_columns(policy, names=[str(name) for name in frame.columns])
    back = {name: reverse_column(frame, name, policy=policy, key=key) for name in names}
    return like(table, frame.assign(**back), policy=None, changed=names)


def reverse_column(frame: Any, name: str, *, policy: Policy, key: bytes) -> Any:
    """One column of a pandas table turned back."""
    operator: Any = policy.columns[name]
    with told_without_cells(name):
        return operator.reverse(frame[name], key=policy.key(key, column=name))


@contextlib.contextmanager
def told_without_cells(*names: str) -> Iterator[None]:
    """Turn what a library says of a cell into a sentence without it. Errors: InvalidParameter, naming the columns."""
    try:
        yield
    except (PrivetError, MemoryError):
        raise
    except Exception as error:
        raise InvalidParameter(
            f"column {', '.join(map(repr, names))} holds what its operator cannot treat ({type(error).__name__}); "
            "store it as text, numbers or dates, or drop it"
        ) from None


def reversible_columns(policy: Policy, *, names: list[str]) -> tuple[str, ...]:
    """Which columns the policy allows to be turned back. Errors: InvalidParameter if there are none."""
    found = tuple(name for name in names if getattr(policy.columns.get(name), "reversible", False))
    if not found:
        raise InvalidParameter(
            "the policy calls no column of this table reversible, so nothing is turned back; "
            "reversible = true must stand in the policy that the table was treated with"
        )
    return found


def refuse_kept_identifiers(findings: tuple[ColumnFinding, ...], *, policy: Policy) -> None:
    """Refuse a policy that keeps a column in which direct identifiers were found.

    A role that the policy states overrules the one found. Errors: InvalidParameter.
    """
    for found in policy.overrule(findings):
        operator = policy.operator(found.column)
        if found.direct and isinstance(operator, Keep) and not operator.reason.strip():
            raise InvalidParameter(
                f"the policy keeps column {found.column!r}, which holds direct identifiers ({found.label}); "
                'drop, pseudonymise or redact it, or say why it may stay: operator = "keep", reason = "..."'
            )
