"""The four figures at the top of the page, for a reader with one minute."""

from __future__ import annotations

import math
from dataclasses import dataclass

from privet.study.report import words
from privet.study.report.model import ComparisonView, Estimate, ModelView, StudyReport, Withheld

NOT_SHOWN = "not shown"


@dataclass(frozen=True, slots=True)
class Tile:
    """A heading, one figure in large letters, and a line that says what it is."""

    heading: str
    figure: str
    note: str


def tiles(report: StudyReport) -> tuple[Tile, ...]:
    """Budget, worst case for one person, accuracy, rows told apart; a missing one says why."""
    return _budget(report), _worst_case(report), _accuracy(report.comparison), _told_apart(report)


def _budget(report: StudyReport) -> Tile:
    view = report.budget
    heading, spent = "Privacy budget spent", words.epsilon(view.epsilon_spent)
    if math.isinf(view.epsilon_spent):
        return Tile(heading, spent, "something left without any bound")
    if math.isinf(view.epsilon_limit):
        return Tile(heading, spent, "epsilon; the account has no limit")
    figure = f"{spent} of {words.epsilon(view.epsilon_limit)}"
    return Tile(heading, figure, f"epsilon; {words.epsilon(view.epsilon_left)} is left for later work")


def _worst_case(report: StudyReport) -> Tile:
    heading, risk = "Worst case for one person", report.risk
    bound = risk if isinstance(risk, Withheld) else risk.accuracy
    if isinstance(bound, Withheld):
        return Tile(heading, NOT_SHOWN, bound.reason)
    note = "is the most anybody can guess right about who is in the data; a coin gets 50"
    return Tile(heading, f"{words.out_of_100(bound)} of 100", note)


def _accuracy(view: ComparisonView | Withheld) -> Tile:
    heading = "Accuracy with protection"
    if isinstance(view, Withheld):
        return Tile(heading, NOT_SHOWN, view.reason)
    best = max(_measured(view, "private-central", "private-federated"), key=lambda found: found[1].value, default=None)
    if best is None:
        reasons = [model.accuracy.reason for model in view.models if isinstance(model.accuracy, Withheld)]
        return Tile(heading, NOT_SHOWN, reasons[0] if reasons else "no model with protection was trained")
    others = (("non-private", "without protection"), ("baseline", "baseline"))
    notes = [f"{label} {words.percent(value.value)}" for kind, label in others for _, value in _measured(view, kind)]
    return Tile(heading, words.percent(best[1].value), "; ".join([best[0].name, *notes]))


def _measured(view: ComparisonView, *kinds: str) -> list[tuple[ModelView, Estimate]]:
    return [(m, m.accuracy) for m in view.models if m.kind in kinds and not isinstance(m.accuracy, Withheld)]


def _told_apart(report: StudyReport) -> Tile:
    heading, view = "Rows that are one of a kind", report.reidentification
    if isinstance(view, Withheld):
        return Tile(heading, NOT_SHOWN, view.reason)
    found = (view.before.unique_share, view.after.unique_share)
    shares = [NOT_SHOWN if isinstance(share, Withheld) else _short(share) for share in found]
    note = "by traits that outsiders may know, before → after"
    if not isinstance(view.after.k, Withheld):
        note += f"; the smallest group of look-alikes now has {words.count(view.after.k)}"
    return Tile(heading, " → ".join(shares), note)


def _short(share: float) -> str:
    """A share that fits a tile twice."""
    return words.percent(share).replace("over ", ">").replace("under ", "<")
