"""One membership attack on one model, from scores to a result that a report can show.

The figures are read from real members and have no guarantee: they may leave only through a claim.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.audit.bounds import EpsilonBound, Interval, TruePositiveRate, auc_interval, epsilon_lower_bound
from privet.audit.bounds import true_positive_rate as rate_at
from privet.core.errors import InvalidParameter

FALSE_POSITIVE_RATES = (0.01, 0.001)


@dataclass(frozen=True, slots=True)
class AttackResult:
    """What an attack achieved.

    ``epsilon`` is a lower bound with its ceiling; rates that too few non-members allow are left out.
    """

    attack: str
    target: str
    knowledge: str
    members: int
    others: int
    auc: Interval
    rates: tuple[TruePositiveRate, ...]
    epsilon: EpsilonBound

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def judge(
    scores: NDArray[np.float64],
    *,
    is_member: NDArray[np.bool_],
    attack: str,
    target: str,
    knowledge: str,
    delta: float,
) -> AttackResult:
    """Turn an attack's scores into a result.

    The lower bound on epsilon uses a threshold chosen on the first half of the rows (in the order given) and counts on
    the second, so that choosing it costs no confidence.
    Errors: InvalidParameter if a score is not a number or a half has fewer than two members or others.
    """
    if not np.isfinite(scores).all():
        raise InvalidParameter("an attack gave a score that is not a finite number; its model must give probabilities")
    members, others = scores[is_member], scores[~is_member]
    rates = [rate_at(members, others=others, fpr=fpr) for fpr in FALSE_POSITIVE_RATES if len(others) >= 1 / fpr]
    return AttackResult(
        attack=attack,
        target=target,
        knowledge=knowledge,
        members=len(members),
        others=len(others),
        auc=auc_interval(members, others=others),
        rates=tuple(rates),
        epsilon=_lower_bound(members, others, delta),
    )


def _lower_bound(members: NDArray[np.float64], others: NDArray[np.float64], delta: float) -> EpsilonBound:
    half_m, half_o = len(members) // 2, len(others) // 2
    threshold = _best_threshold(members[:half_m], others[:half_o])
    held_members, held_others = members[half_m:], others[half_o:]
    return epsilon_lower_bound(
        int((held_members > threshold).sum()),
        members=len(held_members),
        false_positives=int((held_others > threshold).sum()),
        others=len(held_others),
        delta=delta,
    )


def _best_threshold(members: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Where the ratio of rates is largest among thresholds that still accuse a few others (so that it is stable)."""
    candidates = np.quantile(others, [0.5, 0.75, 0.9, 0.95, 0.98])
    ratios = [((members > c).mean() + 1e-9) / ((others > c).mean() + 1 / len(others)) for c in candidates]
    return float(candidates[int(np.argmax(ratios))])
