"""The account in the report: what is spent and left, and what that means for one person."""

from __future__ import annotations

import math

import numpy as np

from privet.accounting.curve import PrivacyCurve, privacy_curve
from privet.accounting.risk import Risk, in_words, risk_of_curve, worst_case_risk
from privet.core.errors import UnsupportedEvent
from privet.core.events import NoRelease
from privet.ledger.claims import Claim, State
from privet.ledger.export import joint_epsilon, joint_event
from privet.ledger.ledger import spent_of
from privet.study.report.model import (
    BudgetView,
    ClaimView,
    CurvePoint,
    PosteriorPoint,
    RiskView,
    TprBound,
    Withheld,
)
from privet.study.steps import AUDIT, CENTRAL, EVALUATE, FEDERATED, LABORATORY, OPENING, PROTECT, TITLES
from privet.study.telling.finished import Finished

_COVERS = {
    PROTECT: "the de-identified table, what was found in it and its risk figures: nothing bounds what they tell",
    CENTRAL: "the final weights of the central model, once",
    FEDERATED: "the global model of every round, and the final one",
    EVALUATE: "noisy counts of right answers on rows kept aside",
    AUDIT: "noisy counts of an attack's hits and false alarms",
    LABORATORY: "figures of the model without protection and of attacks in full: nothing bounds what they tell",
}
_PRIORS = tuple(step / 20 for step in range(1, 20))
FALSE_ALARMS = (0.01, 0.001)


def budget(study: Finished) -> BudgetView:
    """What the filter has counted, the tighter figure for plans fixed in advance, and every claim."""
    balance = study.balance
    spent = spent_of(balance)
    joint = joint_epsilon(study.ledger.book, balance.spec.name)
    return BudgetView(
        account=balance.spec.name,
        epsilon_limit=spent.epsilon_limit,
        delta_limit=spent.delta,
        epsilon_spent=spent.epsilon,
        delta_spent=spent.delta if spent.epsilon > 0 else 0.0,
        guard=f"{spent.guard}, which holds for charges chosen one after another",
        joint_epsilon=Withheld("no accountant prices this mixture") if joint is None else joint,
        claims=tuple(_claim(study, claim) for claim in study.claims),
    )


def _claim(study: Finished, claim: Claim) -> ClaimView:
    paid = claim.state is State.COMMITTED
    return ClaimView(
        name=claim.name,
        when=claim.reserved_at,
        state=claim.state.value,
        guarantee=claim.guarantee,
        epsilon=math.inf if claim.epsilon is None else claim.epsilon,
        delta=claim.delta or 0.0,
        receipt=claim.id if paid else Withheld(f"a {claim.state} charge has no receipt"),
        covers=_covers(claim) if paid else "nothing left, and the charge stands",
        this_study=claim.study == study.record.study,
    )


def _covers(claim: Claim) -> str:
    title = claim.name.rpartition(": ")[2]
    if title == OPENING:
        return "nothing: the data were opened and checked, and none of them left"
    step = next((name for name, known in TITLES.items() if claim.name.endswith(known)), None)
    return _COVERS[step] if step is not None else title


def risk(study: Finished) -> RiskView | Withheld:
    """What everything the account has paid for means to one person; read off the whole privacy curve."""
    relation, delta = study.balance.spec.relation, float(study.balance.spec.delta)
    event = joint_event(study.claims)
    if isinstance(event, NoRelease):
        return Withheld("nothing with a guarantee has been released")
    try:
        curve = privacy_curve(event, relation=relation)
    except UnsupportedEvent as error:
        return Withheld(str(error))
    epsilon = curve.epsilon(delta)
    found, bare = risk_of_curve(curve), worst_case_risk(epsilon=epsilon, delta=delta)
    return RiskView(
        covers=_covered(study),
        epsilon=epsilon,
        delta=delta,
        curve=_points(curve, epsilon),
        accuracy_from_curve=found.attack_accuracy,
        accuracy_from_point=bare.attack_accuracy,
        tpr=tuple(
            TprBound(rate, found.true_positive_rate(rate), bare.true_positive_rate(rate)) for rate in FALSE_ALARMS
        ),
        posterior=tuple(PosteriorPoint(prior, found.posterior(prior)) for prior in _PRIORS),
        posterior_note="Meant for an attacker who suspects at least one outsider in a thousand.",
        sentences=(in_words(found), _of_a_thousand(found)),
    )


def _covered(study: Finished) -> str:
    unbounded = study.balance.unbounded
    covered = "everything with a guarantee that this account has paid for, as one plan fixed in advance"
    if not unbounded:
        return covered
    releases = "1 release has" if unbounded == 1 else f"{unbounded} releases have"
    return f"{covered}; {releases} no guarantee and no figure can include them"


def _points(curve: PrivacyCurve, epsilon: float) -> tuple[CurvePoint, ...]:
    if not math.isfinite(epsilon):
        return ()
    epsilons = np.linspace(0.0, max(1.5 * epsilon, 1.0), 61)
    return tuple(map(CurvePoint, epsilons.tolist(), curve.deltas(epsilons).tolist()))


def _of_a_thousand(found: Risk) -> str:
    caught = math.ceil(1000 * found.true_positive_rate(0.01) - 1e-9)
    return (
        "Of 1,000 people whose records were used, an attacker who may wrongly accuse 10 of 1,000 others finds at most "
        f"{caught}; by chance it would be 10."
    )
