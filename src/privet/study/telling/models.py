"""The models side by side, and how the sites worked together."""

from __future__ import annotations

import math
from typing import Any

from privet.audit import bounds
from privet.audit.counting import accuracy
from privet.study.report.model import (
    ComparisonView,
    Estimate,
    FederatedView,
    Interval,
    ModelKind,
    ModelView,
    Withheld,
)
from privet.study.steps import CENTRAL, EVALUATE, FEDERATED, LABORATORY, MAJORITY
from privet.study.telling.finished import LABORATORY_LABEL, Finished

NAMES = {
    CENTRAL: "central model",
    FEDERATED: "federated model",
    "non-private": "model without protection",
    MAJORITY: "always the commoner answer",
}
_KINDS: dict[str, ModelKind] = {CENTRAL: "private-central", FEDERATED: "private-federated"}


def comparison(study: Finished) -> ComparisonView:
    """Every released model, the commonest answer, and the laboratory's model without protection."""
    spec, counted = study.planned.spec, study.result(EVALUATE)
    views = [_released(study, name, counted) for name in study.planned.models()]
    views += [_majority(counted), _without_protection(study.result(LABORATORY))]
    noise = "" if spec.evaluate is None else f"; counted with noise for epsilon {float(spec.evaluate.epsilon):g}"
    asked = f"“{spec.train.target} above {spec.train.positive_above:g}”"
    measured = f"Share of right answers to {asked}, on the {spec.train.held_out:.0%} of units kept aside{noise}."
    return ComparisonView(measured + _kind(study), tuple(views))


def _kind(study: Finished) -> str:
    settings = study.planned.spec.train
    if settings.model == "logistic":
        return ""
    layers = " and ".join(map(str, settings.layers))
    return f" The central model is a network with {layers} units between columns and answer."


def estimate(found: bounds.Interval) -> Estimate:
    return Estimate(found.value, Interval(found.low, found.high, found.level))


def _released(study: Finished, name: str, counted: dict[str, Any] | Withheld) -> ModelView:
    epsilon = study.receipts(name)[0].epsilon
    price = math.inf if epsilon is None else epsilon
    if isinstance(counted, Withheld):
        return ModelView(NAMES[name], _KINDS[name], price, counted, False, "accuracy was not measured")
    return ModelView(NAMES[name], _KINDS[name], price, _share(counted, name), True)


def _majority(counted: dict[str, Any] | Withheld) -> ModelView:
    # Which answer is commoner is read off the noisy counts, so it costs nothing more (post-processing).
    if isinstance(counted, Withheld):
        return ModelView(NAMES[MAJORITY], "baseline", 0.0, counted, False, "accuracy was not measured")
    no = accuracy(counted["counts"], judge=MAJORITY, scale=counted["scale"])
    if no.value >= 0.5:
        return ModelView(NAMES[MAJORITY], "baseline", 0.0, estimate(no), True)
    yes = bounds.Interval(1 - no.value, 1 - no.high, 1 - no.low, no.level)
    return ModelView(NAMES[MAJORITY], "baseline", 0.0, estimate(yes), True)


def _share(counted: dict[str, Any], judge: str) -> Estimate:
    return estimate(accuracy(counted["counts"], judge=judge, scale=counted["scale"]))


def _without_protection(found: dict[str, Any] | Withheld) -> ModelView:
    name = NAMES["non-private"]
    if isinstance(found, Withheld):
        return ModelView(name, "non-private", math.inf, found, False, "not trained for this report")
    value, low, high = found["accuracy"]
    shown = Estimate(value, Interval(low, high, 0.95))
    return ModelView(name, "non-private", math.inf, shown, False, LABORATORY_LABEL)


def federated(study: Finished) -> FederatedView | Withheld:
    """How the sites worked together, if they did."""
    settings, result = study.planned.spec.federated, study.result(FEDERATED)
    if isinstance(result, Withheld):
        return result
    if settings is None:
        return Withheld("the study does not train across sites")
    masked = "whoever adds up sees only masked sums" if settings.secure_sum else "the server sees each site's update"
    return FederatedView(
        sites=settings.sites,
        rounds=settings.rounds,
        strategy=settings.strategy.replace("_", " "),
        secure_sum=settings.secure_sum,
        bytes_per_round_per_site=result["bytes_up"],
        trust_model=(
            "Each site trusts itself alone: it adds its noise before anything leaves, so an update is private even for "
            f"the server and the other sites; besides, {masked}."
        ),
        simulated=True,
    )
