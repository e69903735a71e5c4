"""What attackers achieved: the attack that was paid for, and the laboratory's in full."""

from __future__ import annotations

from typing import Any

from privet.accounting.risk import Risk, risk
from privet.audit.bounds import Interval, clopper_pearson, epsilon_from_rates
from privet.audit.counting import accuracy
from privet.core.plugins import attribute
from privet.study.report.model import AttackView, Estimate, TprResult, Withheld
from privet.study.report.model import Interval as ReportInterval
from privet.study.steps import AUDIT, LABORATORY
from privet.study.telling.finished import LABORATORY_LABEL, Finished
from privet.study.telling.models import NAMES, estimate


def attacks(study: Finished) -> tuple[AttackView, ...] | Withheld:
    """Every attack on every model: charged ones first."""
    charged, laboratory = study.result(AUDIT), study.result(LABORATORY)
    views: list[AttackView] = []
    if not isinstance(charged, Withheld):
        for attack, counted in charged["attacks"].items():
            views += [_charged(study, name, attack, counted) for name in study.planned.models()]
    if not isinstance(laboratory, Withheld):
        views += [_in_the_laboratory(study, found) for found in laboratory["attacks"]]
    if views:
        return tuple(views)
    return charged if isinstance(charged, Withheld) else Withheld("no model was released")


def _guarantee(study: Finished, model: str) -> Risk | None:
    """What the guarantee of one model allows any attacker; None for a model without one."""
    step = next((step for step in study.planned.steps if step.name == model), None)
    if step is None or step.event is None:
        return None
    return risk(step.event, relation=study.planned.spec.budget.relation)


def _charged(study: Finished, model: str, attack: str, counted: dict[str, Any]) -> AttackView:
    counts, scale = counted["counts"], counted["scale"]
    members, others = max(1, counts["members"]), max(1, counts["rows"] - counts["members"])
    found = _rate(counts[f"{model}: found"], of=members, scale=scale)
    # The number of others is a difference of two noisy counts, so its noise is counted twice.
    accused = _rate(counts[f"{model}: accused"], of=others, scale=2 * scale)
    delta = float(study.balance.spec.delta)
    best = _rate(members, of=members, scale=scale), _rate(0, of=others, scale=2 * scale)
    allowed = _guarantee(study, model)
    return AttackView(
        target=NAMES[model],
        attack=f"{attribute('privet.audit.attacks', attack, 'ATTACK').name}, noisy counts paid for by the account",
        covered=True,
        members=members,
        non_members=others,
        auc=Withheld("only counts at one public threshold were paid for"),
        tpr=(
            TprResult(
                fpr_wanted=accused.value,
                fpr_realised=accused.value,
                tpr=estimate(found),
                # The bound grows with the rate of false alarms, which is known up to noise: its upper end is safe.
                bound=Withheld("no guarantee") if allowed is None else allowed.true_positive_rate(accused.high),
            ),
        ),
        epsilon_at_least=epsilon_from_rates(found, fpr=accused, delta=delta),
        ceiling=epsilon_from_rates(best[0], fpr=best[1], delta=delta),
    )


def _rate(successes: int, *, of: int, scale: float) -> Interval:
    return accuracy({"rows": of, "hits": min(of, max(0, successes))}, judge="hits", scale=scale)


def _in_the_laboratory(study: Finished, found: dict[str, Any]) -> AttackView:
    allowed = _guarantee(study, found["target"])
    return AttackView(
        target=NAMES[found["target"]],
        attack=found["attack"],
        covered=allowed is not None,
        members=found["members"],
        non_members=found["others"],
        auc=_estimate(found["auc"]),
        tpr=tuple(
            TprResult(
                rate["fpr_wanted"],
                rate["fpr_realised"],
                _estimate(rate["tpr"]),
                _bound(allowed, rate),
            )
            for rate in found["rates"]
        ),
        epsilon_at_least=found["epsilon"]["lower"],
        ceiling=found["epsilon"]["ceiling"],
        label=LABORATORY_LABEL,
    )


def _bound(allowed: Risk | None, rate: dict[str, Any]) -> float | Withheld:
    """What the guarantee allows at the realised rate of false alarms, at the upper end of that rate's interval."""
    if allowed is None:
        return Withheld("no guarantee covers this model")
    accused = clopper_pearson(round(rate["fpr_realised"] * rate["others"]), trials=rate["others"])
    return allowed.true_positive_rate(accused.high)


def _estimate(found: dict[str, Any]) -> Estimate:
    return Estimate(found["value"], ReportInterval(found["low"], found["high"], found["level"]))
