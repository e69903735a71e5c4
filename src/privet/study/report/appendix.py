"""The figures of the page again, with as many digits as anybody can check."""

from __future__ import annotations

from collections.abc import Iterator

from privet.study.report import words
from privet.study.report.figures import written_out
from privet.study.report.model import AttackView, Estimate, ReidentificationView, RiskView, StudyReport, Withheld


def exact_values(report: StudyReport) -> tuple[tuple[str, str], ...]:
    """Name and precise value of every figure that the page writes rounded; what is withheld is left to the page."""
    found = [*_budget(report), *_risk(report.risk), *_models(report), *_tables(report.reidentification)]
    for attack in () if isinstance(report.attacks, Withheld) else report.attacks:
        found.extend(_attack(attack))
    return tuple((name, words.precise(value)) for name, value in found if not isinstance(value, Withheld))


Named = Iterator[tuple[str, float | Withheld]]


def _budget(report: StudyReport) -> Named:
    view = report.budget
    yield "Budget: epsilon limit", view.epsilon_limit
    yield "Budget: delta limit", view.delta_limit
    yield "Budget: epsilon spent", view.epsilon_spent
    yield "Budget: delta spent", view.delta_spent
    yield "Budget: epsilon, all charges jointly (plans fixed in advance)", view.joint_epsilon


def _risk(view: RiskView | Withheld) -> Named:
    if isinstance(view, Withheld):
        return
    yield "Risk: epsilon", view.epsilon
    yield "Risk: delta", view.delta
    yield "Risk: attacker's accuracy, whole curve", view.accuracy_from_curve
    yield "Risk: attacker's accuracy, (epsilon, delta) alone", view.accuracy_from_point
    for bound in () if isinstance(view.tpr, Withheld) else view.tpr:
        yield f"Risk: members found at {words.tick(bound.fpr)} false alarms, whole curve", bound.from_curve
        yield f"Risk: members found at {words.tick(bound.fpr)} false alarms, (epsilon, delta) alone", bound.from_point
    for point in written_out(() if isinstance(view.posterior, Withheld) else view.posterior):
        yield f"Risk: belief after a belief of {words.precise(point.prior)}", point.posterior


def _models(report: StudyReport) -> Named:
    for model in () if isinstance(report.comparison, Withheld) else report.comparison.models:
        yield f"Model {model.name}: epsilon", model.epsilon
        yield from _estimate(f"Model {model.name}: accuracy", model.accuracy)


def _estimate(name: str, value: Estimate | Withheld) -> Named:
    if isinstance(value, Withheld):
        return
    yield name, value.value
    if not isinstance(value.interval, Withheld):
        yield f"{name}, lower end", value.interval.low
        yield f"{name}, upper end", value.interval.high


def _tables(view: ReidentificationView | Withheld) -> Named:
    if isinstance(view, Withheld):
        return
    for when, table in (("before", view.before), ("after", view.after)):
        yield f"Table {when}: rows", table.rows
        yield f"Table {when}: smallest group", table.k
        yield f"Table {when}: share of unique rows", table.unique_share
        for size in () if isinstance(table.class_sizes, Withheld) else table.class_sizes:
            yield f"Table {when}: share of rows in groups of {size.label}", size.share
        for figure in table.more:
            yield f"Table {when}: {figure.name}", figure.value


def _attack(view: AttackView) -> Named:
    name = f"Attack {view.attack} on {view.target}"
    yield from _estimate(f"{name}: AUC", view.auc)
    for result in () if isinstance(view.tpr, Withheld) else view.tpr:
        at = f"{name}: members found at {words.tick(result.fpr_wanted)} false alarms"
        yield from _estimate(at, result.tpr)
        yield f"{at}, false alarms realised", result.fpr_realised
        yield f"{at}, bound", result.bound
    yield f"{name}: epsilon at least", view.epsilon_at_least
    yield f"{name}: ceiling", view.ceiling
