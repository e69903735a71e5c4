"""What was found in the columns, what was done to them, and how easily rows are told apart before and after."""

from __future__ import annotations

from typing import Any

from privet.study.report.model import (
    ClassSize,
    ColumnView,
    Combination,
    ReidentificationView,
    TableRisk,
    Withheld,
)
from privet.study.steps import PROTECT
from privet.study.telling.finished import LABORATORY_LABEL, Finished


def identifiers(study: Finished) -> tuple[ColumnView, ...] | Withheld:
    """Every column with what it was recognised as, and what the policy did to it."""
    policy, result = study.planned.policy, study.result(PROTECT)
    if isinstance(result, Withheld):
        return result
    if policy is None:
        return Withheld("the study protects no table")
    return tuple(
        ColumnView(found["column"], found["label"], found["share"], policy.operator(found["column"]).describe())
        for found in result["findings"]
    )


def reidentification(study: Finished) -> ReidentificationView | Withheld:
    """Risk of the table before and after, over the same quasi-identifiers."""
    result, settings = study.result(PROTECT), study.planned.spec.protect
    if isinstance(result, Withheld):
        return result
    if settings is None:
        return Withheld("the study protects no table")
    return ReidentificationView(
        quasi_identifiers=settings.quasi_identifiers,
        before=_table(result["before"]),
        after=_table(result["after"]) if result["after"] else _nothing_left(result["before"]["rows"]),
        label=LABORATORY_LABEL,
    )


def _table(found: dict[str, Any]) -> TableRisk:
    return TableRisk(
        rows=found["rows"],
        k=found["k"],
        unique_share=found["unique_share"],
        class_sizes=tuple(ClassSize(label, share) for label, share in found["bands"]),
        dangerous=tuple(Combination(tuple(item["columns"]), item["unique_share"]) for item in found["dangerous"]),
    )


def _nothing_left(rows: int) -> TableRisk:
    """Without quasi-identifiers every row looks like every other."""
    gone = Withheld("every quasi-identifier was dropped")
    return TableRisk(rows, rows, 0.0 if rows != 1 else 1.0, gone, ())
