"""What was found in the columns, what was done to them, and how easily rows are told apart before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from privet.deidentify.operators.drop import Drop
from privet.deidentify.policy import Policy
from privet.study.report.model import (
    ClassSize,
    ColumnView,
    Combination,
    ReidentificationView,
    RiskFigure,
    TableRisk,
    Withheld,
)
from privet.study.steps import PROTECT
from privet.study.telling.finished import LABORATORY_LABEL, Finished


def identifiers(study: Finished) -> tuple[ColumnView, ...] | Withheld:
    """Every column with what it was recognised as, the role it plays, and what the policy did to it."""
    policy, result = study.planned.policy, study.result(PROTECT)
    if isinstance(result, Withheld):
        return result
    if policy is None:
        return Withheld("the study protects no table")
    return tuple(
        ColumnView(found["column"], found["label"], found["share"], _action(policy, found["column"]), found["role"],
                   _why(policy, found))
        for found in result["findings"]
    )  # fmt: skip


def _why(policy: Policy, found: dict[str, Any]) -> str:
    """What speaks for a role; for the many columns of which nothing speaks, nothing."""
    return "" if found["role"] == "plain" and found["column"] not in policy.roles else found["why"]


def _action(policy: Policy, column: str) -> str:
    joint = [step.operator.describe() for step in policy.together if column in step.changed]
    return "; ".join([policy.operator(column).describe(), *joint])


def reidentification(study: Finished) -> ReidentificationView | Withheld:
    """Risk of the table before and after, over the same quasi-identifiers."""
    policy, result, settings = study.planned.policy, study.result(PROTECT), study.planned.spec.protect
    if isinstance(result, Withheld):
        return result
    if settings is None or policy is None:
        return Withheld("the study protects no table")
    after = result["after"]
    stated = settings.quasi_identifiers
    looks = [found["column"] for found in result["findings"] if found["role"] == "quasi-identifier"]
    return ReidentificationView(
        quasi_identifiers=stated,
        before=_table(result["before"], {}, settings.sensitive),
        after=_table(after, result["kept"], settings.sensitive) if after else _nothing_left(result["before"]["rows"]),
        label=LABORATORY_LABEL,
        not_counted=tuple(name for name in looks if name not in stated and not isinstance(policy.operator(name), Drop)),
    )


def _table(found: dict[str, Any], kept: dict[str, float], sensitive: str | None) -> TableRisk:
    return TableRisk(
        rows=found["rows"],
        k=found["k"],
        unique_share=found["unique_share"],
        class_sizes=tuple(ClassSize(label, share) for label, share in found["bands"]),
        dangerous=tuple(Combination(tuple(item["columns"]), item["unique_share"]) for item in found["worst"]),
        more=tuple(_figures(found, kept, sensitive)),
    )


def _figures(found: dict[str, Any], kept: dict[str, float], sensitive: str | None) -> Iterator[RiskFigure]:
    """What else was measured, named as a reader who is no specialist can take it."""
    attackers, special, secret = found["attackers"], found["special_uniques"], found["secret"]
    yield RiskFigure("Rows in groups below 5", attackers["prosecutor_at_risk"], "share")
    yield RiskFigure("Right guess about a person known to be in the table, on average", attackers["prosecutor_mean"],
                     "share")  # fmt: skip
    if special is not None:
        name = f"Rows that stand out by {special['largest']} columns or fewer (special uniques)"
        yield RiskFigure(name, special["share"], "share")
    if found["population"] is not None:
        yield RiskFigure("Rows that are unique in the population, estimated", found["population"], "share")
    if secret is not None:
        name = f"Different values of {sensitive} in a group, at least (l)"
        yield RiskFigure(name, secret["distinct_l"], "count")
        yield RiskFigure(f"Distance of {sensitive} in a group from the table, at most (t)", secret["t"], "distance")
    if kept:
        yield RiskFigure("Cells of these columns that are blank or gone", kept["blank"], "share")
        yield RiskFigure("Information that these columns keep (entropy)", min(1.0, kept["information"]), "share")


def _nothing_left(rows: int) -> TableRisk:
    """Without quasi-identifiers every row looks like every other."""
    gone = Withheld("every quasi-identifier was dropped")
    return TableRisk(rows, rows, 0.0 if rows != 1 else 1.0, gone, ())
