"""The verdict that the page shows: what the runner said, made graver wherever the figures contradict it."""

from __future__ import annotations

import math

from privet.study.report.model import (
    CERTIFICATE_QUESTIONS,
    AttackView,
    StudyReport,
    TprResult,
    Verdict,
    VerdictLevel,
    Withheld,
)

_OVERRULED = "The figures in this report do not support a better verdict than this one; the reasons are below."
_GRAVITY: dict[VerdictLevel, int] = {"ok": 0, "caution": 1, "problem": 2}


def settled(report: StudyReport) -> Verdict:
    """The verdict with every contradiction added as a point; its level is never milder than the figures allow."""
    problems, cautions = _problems(report), _cautions(report)
    given = report.verdict
    found: VerdictLevel = "problem" if problems else "caution" if cautions else "ok"
    level = max(given.level, found, key=_GRAVITY.__getitem__)
    if level == given.level:
        return Verdict(level, given.sentence, (*problems, *given.points, *cautions))
    claimed = f"The study itself had concluded: “{given.sentence}”"
    return Verdict(level, _OVERRULED, (*problems, *cautions, claimed, *given.points))


def unanswered(report: StudyReport) -> tuple[str, ...]:
    """The questions of the certificate that nobody answered, in their order."""
    answered = {line.label for line in report.certificate}
    return tuple(question for question in CERTIFICATE_QUESTIONS if question not in answered)


def certificate(report: StudyReport) -> tuple[tuple[str, str | Withheld | None], ...]:
    """Question and answer: the known questions in their order (None where nobody answered), then any further lines."""
    answers = {line.label: line.value for line in report.certificate}
    asked = tuple((question, answers.get(question)) for question in CERTIFICATE_QUESTIONS)
    further = tuple((line.label, line.value) for line in report.certificate if line.label not in CERTIFICATE_QUESTIONS)
    return asked + further


def breaks_bound(attack: AttackView, result: TprResult) -> bool:
    """Whether an attack on a protected model did better, beyond chance, than the guarantee allows."""
    if not attack.covered or isinstance(result.bound, Withheld) or isinstance(result.tpr.interval, Withheld):
        return False
    return result.tpr.interval.low > result.bound


def _problems(report: StudyReport) -> tuple[str, ...]:
    budget, found = report.budget, []
    if budget.epsilon_spent > budget.epsilon_limit or budget.delta_spent > budget.delta_limit:
        found.append("The account has spent more than its limit.")
    for attack in () if isinstance(report.attacks, Withheld) else report.attacks:
        results = () if isinstance(attack.tpr, Withheld) else attack.tpr
        if any(breaks_bound(attack, result) for result in results):
            found.append(f"The attack “{attack.attack}” on {attack.target} did better than the guarantee allows.")
    return tuple(found)


def _cautions(report: StudyReport) -> tuple[str, ...]:
    found = [f"The step “{step.name}” has {step.status}." for step in report.steps if step.status == "failed"]
    if any(math.isinf(claim.epsilon) for claim in report.budget.claims):
        found.append("Something left without a guarantee; see the list of charges.")
    missing = len(unanswered(report))
    if missing:
        questions = "question" if missing == 1 else "questions"
        found.append(f"The certificate leaves {missing} {questions} unanswered.")
    return tuple(found)
