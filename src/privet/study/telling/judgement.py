"""The verdict in plain words: did the budget hold, does the promise mean anything, is the model of use."""

from __future__ import annotations

import math

from privet.study.report.model import (
    BudgetView,
    ColumnView,
    ComparisonView,
    ModelView,
    ReidentificationView,
    RiskView,
    Verdict,
    VerdictLevel,
    Withheld,
)
from privet.study.report.words import loss, percent

# Above this accuracy at even odds a promise is empty: nine guesses of ten may be right.
EMPTY_PROMISE = 0.9


def verdict(
    budget: BudgetView,
    *,
    risk: RiskView | Withheld,
    comparison: ComparisonView,
    identifiers: tuple[ColumnView, ...] | Withheld,
    reidentification: ReidentificationView | Withheld,
) -> Verdict:
    """Put the findings into one sentence and a few points."""
    warnings = [*_empty_promise(risk), *_useless(comparison), *_still_singled_out(reidentification)]
    unbounded = any(math.isinf(claim.epsilon) for claim in budget.claims)
    level: VerdictLevel = "caution" if warnings or unbounded else "ok"
    points = (
        *warnings,
        *_meaning(risk),
        *_models(comparison),
        *_identifiers(identifiers),
        *_reidentification(reidentification),
    )
    return Verdict(level, _sentence(budget, unbounded=unbounded), points)


def _sentence(budget: BudgetView, *, unbounded: bool) -> str:
    over = budget.epsilon_spent > budget.epsilon_limit
    held = "The account has spent more than its limit" if over else "The study stayed within its budget"
    text = f"{held}: {loss(budget.epsilon_spent)} of {budget.epsilon_limit:g} is spent"
    if not unbounded:
        return f"{text}, and everything that left has a guarantee."
    return (
        f"{text}. Some of what left has no guarantee, by the account's own terms, and is marked so wherever it stands."
    )


def _empty_promise(risk: RiskView | Withheld) -> list[str]:
    if isinstance(risk, Withheld) or isinstance(risk.accuracy, Withheld) or risk.accuracy < EMPTY_PROMISE:
        return []
    return [
        f"The promise is nearly empty: an attacker may be right in {risk.accuracy:.0%} of even-odds guesses. "
        "Use a smaller budget."
    ]


def _still_singled_out(found: ReidentificationView | Withheld) -> list[str]:
    """A table that names nobody and still points at people once columns are combined."""
    share = Withheld("no table") if isinstance(found, Withheld) else found.after.unique_share
    if isinstance(share, Withheld) or share == 0:
        return []
    return [
        f"The de-identified table still singles out {percent(share)} of its rows by what outsiders may know: keep it "
        "in the house, or generalise further."
    ]


def _meaning(risk: RiskView | Withheld) -> list[str]:
    return [] if isinstance(risk, Withheld) else [risk.sentences[0]]


def _private(comparison: ComparisonView) -> list[ModelView]:
    return [model for model in comparison.models if model.kind in ("private-central", "private-federated")]


def _useless(comparison: ComparisonView) -> list[str]:
    """A budget so small that the model is no better than always giving one answer."""
    baseline = next((model.accuracy for model in comparison.models if model.kind == "baseline"), None)
    if baseline is None or isinstance(baseline, Withheld):
        return []
    return [
        f"The {model.name} is no better than always giving the commoner answer ({percent(model.accuracy.value)} beside "
        f"{percent(baseline.value)}): the budget is too small for this question, or the columns say nothing about it."
        for model in _private(comparison)
        if not isinstance(model.accuracy, Withheld) and model.accuracy.value <= baseline.value
    ]


def _models(comparison: ComparisonView) -> list[str]:
    shown = [
        f"{model.name} {percent(model.accuracy.value)}"
        for model in comparison.models
        if not isinstance(model.accuracy, Withheld)
    ]
    return [f"Right answers: {', '.join(shown)}."] if shown else []


def _identifiers(found: tuple[ColumnView, ...] | Withheld) -> list[str]:
    if isinstance(found, Withheld):
        return []
    direct = [column.column for column in found if column.found != "none found"]
    kept = [column.column for column in found if column.found != "none found" and column.action.startswith("kept")]
    text = f"{len(direct)} of {len(found)} columns hold identifiers or traits that point at people"
    return [f"{text}; {', '.join(kept)} stayed as they are." if kept else f"{text}; none stayed as it was."]


def _reidentification(found: ReidentificationView | Withheld) -> list[str]:
    if isinstance(found, Withheld):
        return []
    before, after = found.before.unique_share, found.after.unique_share
    if isinstance(before, Withheld) or isinstance(after, Withheld):
        return []
    group = f"the smallest group has {found.after.k} row{'' if found.after.k == 1 else 's'}"
    told_by = ", ".join(found.quasi_identifiers)
    return [
        f"Before, {percent(before)} of rows were unique in {told_by}; after, {percent(after)} are, and {group}.",
    ]
