"""From a study's file to its ordered steps: each knows its event before any data are opened."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from privet.accounting import calibrate_noise
from privet.audit.counting import CountRightAnswers
from privet.core.errors import InvalidParameter, PluginError, SpecError
from privet.core.events import Composed, Event, NotPrivate
from privet.core.plugins import load as load_plugin
from privet.core.units import ClipNorm, NoiseMultiplier
from privet.deidentify.operators.keep import Keep
from privet.deidentify.policy import Policy, load_policy
from privet.federated.privacy import FederatedPlan
from privet.study.data import check_columns
from privet.study.spec import StudyFile, StudySpec, load
from privet.training.features import Encoder
from privet.training.plan import FullBatchPlan, step_events

# Encoded rows have norm at most 1, so a gradient of norm 1 is the longest there is.
CLIP_NORM = ClipNorm(1.0)

PROTECT, CENTRAL, FEDERATED, EVALUATE, AUDIT, LABORATORY = (
    "protect",
    "train-central",
    "train-federated",
    "evaluate",
    "audit",
    "laboratory",
)
MAJORITY = "most frequent answer"
OPENING = "open the data"
TITLES = {
    PROTECT: "find identifiers, de-identify, measure the risk",
    CENTRAL: "train centrally",
    FEDERATED: "train across sites",
    EVALUATE: "accuracy of the released models",
    AUDIT: "attack the released models",
    LABORATORY: "laboratory figures: model without privacy, attacks in full",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``event`` is None if nothing leaves by it; ``withheld`` says why a step is not run."""

    name: str
    event: Event | None
    delta: Fraction | None = None
    withheld: str | None = None

    @property
    def title(self) -> str:
        return TITLES[self.name]


@dataclass(frozen=True, slots=True)
class PlannedStudy:
    """A checked study: its steps in order, and the plans that will run."""

    file: StudyFile
    columns: tuple[str, ...]
    steps: tuple[Step, ...]
    policy: Policy | None
    central: FullBatchPlan | None
    federated: FederatedPlan | None

    @property
    def spec(self) -> StudySpec:
        return self.file.spec

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def charged(self) -> tuple[Step, ...]:
        """The steps that an account pays for."""
        return tuple(step for step in self.steps if step.event is not None)

    def models(self) -> tuple[str, ...]:
        """Names of the models that are released."""
        named = {CENTRAL: self.central, FEDERATED: self.federated}
        return tuple(name for name, plan in named.items() if plan is not None)

    def encoder(self) -> Encoder:
        return Encoder({name: self.spec.data.columns[name].to_bounds() for name in self.spec.features})


def plan_study(path: str | Path) -> PlannedStudy:
    """Read a study, check it against the header of its data, and plan every step. Opens no row, writes nothing.

    Errors: SpecError in one sentence, with the place and what to do.
    """
    file = load(path)
    spec = file.spec
    columns = check_columns(file)
    policy = _policy(file, columns)
    central = _central_plan(spec) if spec.train.mode == "central" else None
    federated = _federated_plan(spec) if spec.federated is not None else None
    _check_attacks(spec)
    _check_extras(spec)
    _check_places(file)
    steps = tuple(_steps(spec, central, federated))
    return PlannedStudy(file, columns, steps, policy, central, federated)


def _steps(spec: StudySpec, central: FullBatchPlan | None, federated: FederatedPlan | None) -> list[Step]:
    steps = []
    if spec.protect is not None:
        steps.append(_without_guarantee(PROTECT, "de-identified table and its risk report", spec))
    if central is not None:
        steps.append(Step(CENTRAL, central.event_after(central.steps), _plan_delta(spec, spec.train.delta)))
    if federated is not None and spec.federated is not None:
        delta = _plan_delta(spec, spec.federated.delta)
        steps.append(Step(FEDERATED, federated.event_after(federated.steps), delta))
    models = [name for name, plan in ((CENTRAL, central), (FEDERATED, federated)) if plan is not None]
    if spec.evaluate is not None:
        counted = counting(spec, EVALUATE, epsilon=spec.evaluate.epsilon, judges=(*models, MAJORITY), answers=None)
        steps.append(Step(EVALUATE, counted.event))
    if spec.audit is not None:
        share = spec.audit.epsilon / len(spec.audit.attacks)
        counted = counting(spec, AUDIT, epsilon=share, judges=attack_judges(tuple(models)), answers=None)
        steps.append(Step(AUDIT, Composed([counted.event] * len(spec.audit.attacks))))
        if spec.audit.laboratory:
            steps.append(_without_guarantee(LABORATORY, "laboratory figures of an audit", spec))
    return steps


def attack_judges(models: tuple[str, ...]) -> tuple[str, ...]:
    """What the charged attack counts: members, and for each model whom it calls a member, rightly and wrongly."""
    return ("members", *[f"{name}: {what}" for name in models for what in ("found", "accused")])


def counting(
    spec: StudySpec, name: str, *, epsilon: Fraction, judges: tuple[str, ...], answers: object
) -> CountRightAnswers:
    """The mechanism that counts right answers; priced without ``answers``, run with them."""
    return CountRightAnswers(
        name=f"{spec.study.name}: {TITLES[name]}",
        unit=spec.data.privacy_unit(),
        relation=spec.budget.relation,
        epsilon=epsilon,
        judges=judges,
        answers=answers,  # type: ignore[arg-type]
    )


def _without_guarantee(name: str, what: str, spec: StudySpec) -> Step:
    if not spec.budget.allow_no_guarantee:
        reason = "the account does not allow releases without a guarantee ([budget] allow_no_guarantee)"
        return Step(name, None, withheld=reason)
    return Step(name, NotPrivate(what))


def _plan_delta(spec: StudySpec, asked: Fraction | None) -> Fraction:
    """Where a plan is priced: as asked, or a thirty-second of the account's delta (a share of its basic track)."""
    return asked if asked is not None else spec.budget.delta / 32


def _central_plan(spec: StudySpec) -> FullBatchPlan:
    noise = _noise(spec, "[train]", spec.train.epsilon, spec.train.delta, steps=spec.train.steps)
    return FullBatchPlan(
        name=f"{spec.study.name}: {TITLES[CENTRAL]}",
        unit=spec.data.privacy_unit(),
        relation=spec.budget.relation,
        clip_norm=CLIP_NORM,
        noise_multiplier=noise,
        steps=spec.train.steps,
        expected_units=spec.data.expected_units * (1 - spec.train.held_out),
    )


def _federated_plan(spec: StudySpec) -> FederatedPlan:
    settings = spec.federated
    if settings is None:
        raise SpecError("[federated] is missing")
    steps = settings.rounds * settings.local_steps
    noise = _noise(spec, "[federated]", settings.epsilon, settings.delta, steps=steps)
    return FederatedPlan(
        name=f"{spec.study.name}: {TITLES[FEDERATED]}",
        unit=spec.data.privacy_unit(),
        relation=spec.budget.relation,
        clip_norm=CLIP_NORM,
        noise_multiplier=noise,
        rounds=settings.rounds,
        local_steps=settings.local_steps,
        expected_units=spec.data.expected_units * (1 - spec.train.held_out),
        shares=(1 / settings.sites,) * settings.sites,
    )


def _noise(spec: StudySpec, place: str, epsilon: Fraction, asked: Fraction | None, *, steps: int) -> NoiseMultiplier:
    delta = _plan_delta(spec, asked)
    if delta <= 0:
        raise SpecError(f"{place}: Gaussian noise needs a delta above 0; set [budget] delta, such as 1e-6")
    if epsilon > spec.budget.epsilon:
        raise SpecError(
            f"{place} epsilon {float(epsilon):g} is more than the whole account's ([budget] epsilon "
            f"{float(spec.budget.epsilon):g}); lower it or raise the budget"
        )
    found: NoiseMultiplier = calibrate_noise(
        lambda sigma: step_events(sigma, steps=steps),
        relation=spec.budget.relation,
        epsilon=float(epsilon),
        delta=float(delta),
    )
    return found


def _check_attacks(spec: StudySpec) -> None:
    wanted = [("[audit] attacks", "privet.audit.attacks", name) for name in (spec.audit.attacks if spec.audit else ())]
    if spec.federated is not None:
        wanted.append(("[federated] strategy", "privet.federated.strategies", spec.federated.strategy))
    for place, family, name in wanted:
        try:
            load_plugin(family, name)
        except PluginError as error:
            raise SpecError(f"{place}: {error}") from None


def _check_extras(spec: StudySpec) -> None:
    """What a step needs must be there before anything is paid for."""
    if spec.train.model == "network" and importlib.util.find_spec("torch") is None:
        raise SpecError('[train] model "network" needs PyTorch: pip install "privet[torch]"')


def _check_places(file: StudyFile) -> None:
    """Where results will be written must exist before anything is paid for."""
    places = [("[report] path", file.spec.report.path)]
    if file.spec.protect is not None:
        places += [("[protect] key", file.spec.protect.key)]
        places += [("[protect] table", file.spec.protect.table)] if file.spec.protect.table else []
    for place, text in places:
        folder = file.path(text).parent
        if not folder.is_dir():
            raise SpecError(f"{place}: there is no folder {folder}; make it, or give another place")


def _policy(file: StudyFile, columns: tuple[str, ...]) -> Policy | None:
    settings = file.spec.protect
    if settings is None:
        return None
    path = file.path(settings.policy)
    if not path.is_file():
        raise SpecError(f"[protect] policy: there is no file {path}; make one, see docs/deidentify.md")
    policy = load_policy(path)
    try:
        policy.require_key_file()
    except InvalidParameter as error:
        raise SpecError(f"{path}: {error}") from None
    missing = [name for name in policy.columns if name not in columns]
    if missing:
        raise SpecError(f"{path}: the data have no column {missing[0]!r}; they have: {', '.join(columns)}")
    for name in (file.spec.train.target, *file.spec.features):
        if not isinstance(policy.operator(name), Keep) or any(name in step.changed for step in policy.together):
            raise SpecError(f"{path}: column {name!r} is trained on, so the policy must keep it")
    return policy
