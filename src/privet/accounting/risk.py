"""What a guarantee means to a person: how well the best attacker can do, read off the whole privacy curve."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privet.accounting.curve import PrivacyCurve, privacy_curve
from privet.core.errors import InvalidParameter
from privet.core.events import Event
from privet.core.neighbours import Relation
from privet.core.units import Delta, Epsilon

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Risk:
    """Limits on any attacker who wants to know whether one person is in the data.

    Guarantee: no test, whatever it knows besides and however long it computes, does better.
    ``epsilons`` and ``deltas`` are points of the privacy curve; (e, delta(e))-DP bounds true positives by
    exp(e) * FPR + delta and false negatives likewise.
    Reference: Kairouz, Oh & Viswanath 2015, Theorem 2.1; Dong, Roth & Su 2022, Proposition 6.
    """

    epsilons: tuple[float, ...]
    deltas: tuple[float, ...]

    @property
    def advantage(self) -> float:
        """Largest difference of true and false positive rate: the total variation distance, delta(0)."""
        e, d = self._points
        # A test of (e, d)-DP has advantage at most (exp(e) - 1 + 2 d) / (exp(e) + 1): tanh(e/2) at d = 0.
        return float(np.min((np.expm1(e) + 2 * d) / (np.exp(e) + 1)))

    @property
    def attack_accuracy(self) -> float:
        """Best share of right guesses if half of the candidates are members."""
        return 0.5 + self.advantage / 2

    def true_positive_rate(self, false_positive_rate: float) -> float:
        """Largest share of members that can be found while accusing so few others.

        Both inequalities count: TPR <= exp(e) FPR + d, and TPR <= 1 - exp(-e) (1 - d - FPR).
        """
        if not 0 <= false_positive_rate <= 1:
            raise InvalidParameter(f"false positive rate is {false_positive_rate}; give a number from 0 to 1")
        e, d = self._points
        upper = np.exp(np.minimum(e, 700)) * false_positive_rate + d
        other = 1 - np.exp(-e) * (1 - d - false_positive_rate)
        return float(min(1.0, np.min(upper), np.min(other)))

    def posterior(self, prior: float) -> float:
        """Largest belief in membership, averaged over what a convinced attacker sees, that may follow from ``prior``.

        An attacker who says "member" whenever its belief exceeds some level is right with at most this probability, if
        it says so for at least one in a thousand of non-members.
        """
        if not 0 < prior < 1:
            raise InvalidParameter(f"prior is {prior}; give a probability between 0 and 1")
        rates = np.geomspace(1e-3, 1.0, 60)
        found = np.asarray([self.true_positive_rate(float(rate)) for rate in rates])
        return float(np.max(prior * found / (prior * found + (1 - prior) * rates)))

    @property
    def _points(self) -> tuple[Floats, Floats]:
        return np.asarray(self.epsilons), np.asarray(self.deltas)


def risk(event: Event, *, relation: Relation) -> Risk:
    """The risk that an event leaves, from its whole privacy curve.

    >>> from privet.core.events import Gaussian
    >>> round(risk(Gaussian(1), relation=Relation.ADD_OR_REMOVE).attack_accuracy, 3)
    0.691
    """
    return _risk(event, relation)


def risk_of_curve(curve: PrivacyCurve) -> Risk:
    """The risk that a privacy curve leaves."""
    epsilons = np.concatenate([[0.0], np.geomspace(1e-3, 60.0, 400)])
    return Risk(tuple(epsilons.tolist()), tuple(curve.deltas(epsilons).tolist()))


def worst_case_risk(*, epsilon: float, delta: float) -> Risk:
    """The risk if nothing but (epsilon, delta) is known: what a bare statement of them promises.

    >>> round(worst_case_risk(epsilon=1, delta=1e-5).attack_accuracy, 3)
    0.731
    """
    if math.isinf(epsilon):
        return Risk((0.0,), (1.0,))
    return Risk((float(Epsilon(epsilon)),), (float(Delta(delta)),))


def in_words(found: Risk) -> str:
    """The risk in frequencies, which people read better than probabilities (Nanayakkara et al. 2023).

    >>> in_words(Risk((0.0,), (0.1,)))
    'Of 100 people of whom half are in the data, the best attacker guesses right for at most 55; a coin gets 50 right.'
    """
    right = math.ceil(100 * found.attack_accuracy - 1e-9)
    return (
        f"Of 100 people of whom half are in the data, the best attacker guesses right for at most {right}; "
        "a coin gets 50 right."
    )


@functools.lru_cache(maxsize=64)
def _risk(event: Event, relation: Relation) -> Risk:
    return risk_of_curve(privacy_curve(event, relation=relation))
