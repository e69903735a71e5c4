"""Apply a policy to a table. Nothing is changed in place; a direct identifier that the policy keeps is refused."""

from __future__ import annotations

from typing import Any

from privet.core.errors import InvalidParameter
from privet.deidentify.detect import ColumnFinding, find_in_table
from privet.deidentify.keys import column_key
from privet.deidentify.operators.keep import Keep
from privet.deidentify.policy import Policy


def deidentify(frame: Any, *, policy: Policy, key: bytes, findings: tuple[ColumnFinding, ...] | None = None) -> Any:
    """The table with every column treated as the policy says; rows stay in their order.

    Guarantee: none. Fewer columns point at people, but what is left may still do so together: measure it
    (``privet.deidentify.risk``). Each row is treated by itself.
    Errors: InvalidParameter if the policy says nothing about a column, names one that is not there, or keeps one in
    which direct identifiers were found without a written reason.
    """
    missing = [name for name in policy.columns if name not in frame.columns]
    if missing:
        raise InvalidParameter(f"the policy names column {missing[0]!r}, which the table does not have")
    refuse_kept_identifiers(findings if findings is not None else find_in_table(frame), policy=policy)
    return apply_policy(frame, policy=policy, key=key)


def apply_policy(frame: Any, *, policy: Policy, key: bytes) -> Any:
    """The bare transformation, without looking for what the policy may have missed."""
    import pandas

    treated = {
        name: policy.operator(str(name)).apply(frame[name], key=column_key(key, column=str(name)))
        for name in frame.columns
    }
    kept = {name: column for name, column in treated.items() if column is not None}
    return pandas.DataFrame(kept, index=frame.index)


def refuse_kept_identifiers(findings: tuple[ColumnFinding, ...], *, policy: Policy) -> None:
    """Refuse a policy that keeps a column in which direct identifiers were found. Errors: InvalidParameter."""
    for found in findings:
        operator = policy.operator(found.column)
        if found.direct and isinstance(operator, Keep) and not operator.reason.strip():
            raise InvalidParameter(
                f"the policy keeps column {found.column!r}, which holds direct identifiers ({found.label}); "
                'drop, pseudonymise or redact it, or say why it may stay: operator = "keep", reason = "..."'
            )
