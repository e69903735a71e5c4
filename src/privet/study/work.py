"""What each step of a study does with its data: mechanisms and plans that pass the gate, nothing around it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privet.audit.bounds import clopper_pearson
from privet.audit.membership import judge
from privet.core.events import Event, NoRelease, NotPrivate
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.plugins import attribute
from privet.core.protocols import NoiseSource
from privet.deidentify.detect import find_in_table
from privet.deidentify.measure import kept, measured
from privet.deidentify.risk import reidentification_risk
from privet.deidentify.transform import deidentify
from privet.study.data import bound_contributions, feature_columns, held_out, site_of, target_of, unit_codes
from privet.study.spec import ProtectSection
from privet.study.steps import PlannedStudy
from privet.study.tables import read_table
from privet.training.linear import LabelledRows
from privet.training.models import Classifier, Layer, LogisticModel, NetworkModel

if TYPE_CHECKING:
    import pandas as pd

# A public threshold for the charged attack: who is predicted better than by a coin is called a member.
COIN_LOSS = math.log(2)


@dataclass(frozen=True, slots=True)
class StudyData:
    """The opened table of a study. Lives only behind the gate."""

    table: pd.DataFrame
    rows: LabelledRows
    test: NDArray[np.bool_]
    sites: NDArray[np.int64] | None

    @property
    def train_rows(self) -> LabelledRows:
        return self.rows.select(~self.test)

    @property
    def test_rows(self) -> LabelledRows:
        return self.rows.select(self.test)


def loader(planned: PlannedStudy) -> Callable[[], StudyData]:
    """How the gate opens the study's data; the file is read once however many claims there are."""
    kept: list[StudyData] = []

    def load() -> StudyData:
        if not kept:
            kept.append(_load(planned))
        return kept[0]

    return load


def _load(planned: PlannedStudy) -> StudyData:
    spec = planned.spec
    table = bound_contributions(read_table(planned.file.path(spec.data.source)), spec)
    features = planned.encoder().encode(feature_columns(table, spec))
    units = unit_codes(table, spec) if spec.data.unit != "row" else None
    sites = site_of(table, spec, sites=len(planned.federated.shares)) if planned.federated is not None else None
    return StudyData(table, LabelledRows(features, target_of(table, spec), units), held_out(table, spec), sites)


@dataclass(frozen=True, slots=True)
class OpenTable:
    """Opens the data through the gate and lets nothing of them out, so that a broken file is found before it costs.

    That the file can be read is told to whoever runs the study and holds it (decision 011).
    """

    name: str
    unit: PrivacyUnit
    relation: Relation
    draws: int = 0

    @property
    def event(self) -> Event:
        return NoRelease()

    def apply(self, value: StudyData, noise: NoiseSource) -> str:
        return "opened"


@dataclass(frozen=True, slots=True)
class WithoutGuarantee:
    """Work whose result leaves without any bound, as the account allows, and is marked so everywhere."""

    name: str
    unit: PrivacyUnit
    relation: Relation
    what: str
    work: Callable[[Any], dict[str, Any]]
    draws: int = 0

    @property
    def event(self) -> Event:
        return NotPrivate(self.what)

    def apply(self, value: Any, noise: NoiseSource) -> dict[str, Any]:
        return self.work(value)


def protect(planned: PlannedStudy, *, key: bytes) -> Callable[[StudyData], dict[str, Any]]:
    """Find identifiers, apply the policy, and measure the risk before and after."""
    policy, settings = planned.policy, planned.spec.protect
    if policy is None or settings is None:
        raise ValueError("this study protects nothing")

    def work(data: StudyData) -> dict[str, Any]:
        findings = policy.overrule(find_in_table(data.table))
        treated = deidentify(data.table, policy=policy, key=key, findings=findings)
        quasi = settings.quasi_identifiers
        stay = tuple(name for name in quasi if name in treated.columns)
        return {
            "findings": [found.to_json() for found in findings],
            "before": _risk_of(data.table, quasi, settings),
            "after": _risk_of(treated, stay, settings) if stay else None,
            "kept": kept(data.table, treated, columns=quasi),
            "table": treated.to_csv(index=False),
        }

    return work


def _risk_of(table: Any, columns: tuple[str, ...], settings: ProtectSection) -> dict[str, Any]:
    """k, unique rows and the worst combinations; then attackers, special uniques and what groups say of a secret."""
    secret = settings.sensitive if settings.sensitive in table.columns else None
    more = measured(table, columns=columns, sensitive=secret, population=settings.population)
    told = {
        "attackers": {name: more["attackers"][name] for name in ("prosecutor_at_risk", "prosecutor_mean")},
        "special_uniques": more.get("special_uniques"),
        "population": more["population"]["population"] if "population" in more else None,
        "secret": {name: more["anonymity"][name] for name in ("distinct_l", "t")} if secret is not None else None,
        "worst": more["discovery"]["combinations"][:5],
    }
    return reidentification_risk(table, quasi_identifiers=columns).to_json() | told


def right_answers(models: dict[str, Classifier]) -> Callable[[StudyData], NDArray[np.bool_]]:
    """For each model, then for "no", whether it is right on each held-out row."""

    def answers(data: StudyData) -> NDArray[np.bool_]:
        rows = data.test_rows
        right = [model.predict(rows.features) == rows.labels for model in models.values()]
        return np.stack([*right, rows.labels == 0])

    return answers


def attack_answers(models: dict[str, Classifier], *, attack: str) -> Callable[[StudyData], NDArray[np.bool_]]:
    """The counts of ``attack_judges`` for one attack at the public threshold."""
    chosen = attribute("privet.audit.attacks", attack, "ATTACK")

    def answers(data: StudyData) -> NDArray[np.bool_]:
        member, lines = ~data.test, []
        for model in models.values():
            scores = chosen.score(model, rows=data.rows.features, labels=data.rows.labels)
            called = scores > -COIN_LOSS
            lines += [called & member, called & ~member]
        return np.stack([member, *lines])

    return answers


def laboratory(
    planned: PlannedStudy, models: dict[str, Classifier], *, attacks: tuple[str, ...]
) -> Callable[[StudyData], dict[str, Any]]:
    """The model without privacy, and every attack in full on every model. Without guarantee."""
    delta = float(planned.spec.budget.delta)

    def work(data: StudyData) -> dict[str, Any]:
        plain = _train_without_privacy(data.train_rows, planned)
        test = data.test_rows
        right = int((plain.predict(test.features) == test.labels).sum())
        everyone = {**models, "non-private": plain}
        results = [
            _attack(name, model, data, attack=attack, delta=delta)
            for name, model in everyone.items()
            for attack in attacks
        ]
        interval = clopper_pearson(right, trials=len(test))
        return {"accuracy": [interval.value, interval.low, interval.high], "rows": len(test), "attacks": results}

    return work


def _train_without_privacy(rows: LabelledRows, planned: PlannedStudy) -> Classifier:
    """A model of the same kind."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    encoder, settings = planned.encoder(), planned.spec.train
    if len(np.unique(rows.labels)) < 2:
        return LogisticModel((0.0,) * len(encoder.names), encoder.names)
    if settings.model == "logistic":
        fitted = LogisticRegression(C=1e4, max_iter=2000, fit_intercept=False).fit(rows.features, rows.labels)
        return LogisticModel(tuple(float(weight) for weight in fitted.coef_[0]), encoder.names)
    scale = 1 / encoder.unit
    network = MLPClassifier(settings.layers, activation="tanh", random_state=0, max_iter=500)
    with warnings.catch_warnings():
        # Its last digits do not matter here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(rows.features * scale, rows.labels)
    layers = [Layer.of(weight.T, bias) for weight, bias in zip(network.coefs_, network.intercepts_, strict=True)]
    return NetworkModel(tuple(layers), encoder.names, scale)


def _attack(name: str, model: Classifier, data: StudyData, *, attack: str, delta: float) -> dict[str, Any]:
    chosen = attribute("privet.audit.attacks", attack, "ATTACK")
    scores = chosen.score(model, rows=data.rows.features, labels=data.rows.labels)
    found = judge(
        scores, is_member=~data.test, attack=chosen.name, target=name, knowledge=chosen.knowledge, delta=delta
    )
    return found.to_json()
