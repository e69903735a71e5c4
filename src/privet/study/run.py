"""Run a study: every step that is not finished, each through the gate, each recorded before the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from privet.core.durable import write_whole
from privet.core.errors import BudgetRefused, ReleaseFailed, SpecError, UnknownAccount
from privet.core.plugins import attribute
from privet.core.protocols import NoiseSource
from privet.core.receipts import Receipt
from privet.core.sealed import Private, Release
from privet.deidentify.keys import load_or_create_key
from privet.federated.simulator import make_sites, simulate
from privet.ledger import Account, Ledger, State
from privet.study import work
from privet.study.price import account_spec, bill, require_same_terms
from privet.study.record import Record, StepRecord, run_folder
from privet.study.report.html import write
from privet.study.report.model import StudyReport
from privet.study.steps import (
    AUDIT,
    CENTRAL,
    EVALUATE,
    FEDERATED,
    LABORATORY,
    MAJORITY,
    OPENING,
    PROTECT,
    PlannedStudy,
    Step,
    attack_judges,
    counting,
    plan_study,
)
from privet.study.telling import tell
from privet.training.descent import descend
from privet.training.features import Encoder
from privet.training.linear import LabelledRows
from privet.training.models import Classifier, LogisticModel, NetworkModel, model_from_json
from privet.training.plan import FullBatchPlan

Progress = Callable[[str, int], None]
Result = tuple[dict[str, Any], list[Receipt]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished study: its report and where the page is."""

    report: StudyReport
    path: Path


def run_study(planned: PlannedStudy, *, progress: Progress | None = None) -> Outcome:
    """Run every step that is not finished and write the report.

    Guarantee: a step whose record is on the disk is neither run nor paid again; a claim that an earlier run left
    behind is forfeited; nothing is opened if the whole bill does not fit.
    Errors: BudgetRefused, SpecError (nothing was opened or written); what the gate raises.
    """
    advance = progress or (lambda title, done: None)
    # Before the run's folder is made, so that a study that is refused leaves no trace.
    _require_affordable(planned)
    with _record(planned).open() as record:
        ledger = _open_ledger(planned)
        try:
            account = ledger.account(planned.spec.budget.account)
            _forfeit_leftovers(account, record)
            job = _Job(planned, account, account.seal_source(work.loader(planned)), record)
            if any(record.finished(step.name) is None for step in planned.steps):
                job.open_table()
            for done, step in enumerate(planned.steps):
                advance(step.title, done)
                if record.finished(step.name) is None:
                    job.run(step)
            advance("write the report", len(planned.steps))
            return _report(planned, record, ledger)
        finally:
            ledger.close()


def report_again(path: str | Path) -> Outcome:
    """Write the report of a finished study from its record. Errors: SpecError if a step is not finished."""
    planned = plan_study(path)
    if not (_record(planned).folder / "record.jsonl").exists():
        raise SpecError(f"study {planned.spec.study.name!r} has not been run; use 'privet study run {path}'")
    with _record(planned).open() as record:
        waiting = [step.title for step in planned.steps if record.finished(step.name) is None]
        if waiting:
            raise SpecError(f"not finished: {waiting[0]}; go on with 'privet study run {path}'")
        ledger = Ledger.open(planned.file.ledger_url(), create=False)
        try:
            return _report(planned, record, ledger)
        finally:
            ledger.close()


def _record(planned: PlannedStudy) -> Record:
    name = planned.spec.study.name
    return Record(run_folder(planned.file), digest=planned.file.digest, study=f"{name} {planned.file.digest[:12]}")


def _require_affordable(planned: PlannedStudy) -> None:
    priced = bill(planned)
    if not priced.fits:
        raise BudgetRefused(
            f"the study does not fit account {priced.account!r}: it would come to epsilon {priced.spent_after:.4g} of "
            f"{priced.epsilon_limit:g} at delta {priced.delta_limit:g}; nothing was opened. See 'privet study price'"
        )


def _open_ledger(planned: PlannedStudy) -> Ledger:
    """The ledger with the study's account in it, made if it is not there."""
    ledger = Ledger.open(planned.file.ledger_url())
    try:
        require_same_terms(planned, ledger.account(planned.spec.budget.account).spec)
    except UnknownAccount:
        ledger.book.create(account_spec(planned))
    return ledger


def _forfeit_leftovers(account: Account, record: Record) -> None:
    for claim in account.ledger.book.claims(study=record.study, state=State.RESERVED):
        account.ledger.book.forfeit(claim.id, reason="the run that reserved it was interrupted")


def _report(planned: PlannedStudy, record: Record, ledger: Ledger) -> Outcome:
    report = tell(planned, record, ledger)
    path = planned.file.path(planned.spec.report.path)
    write(report, path)
    return Outcome(report, path)


@dataclass(frozen=True, slots=True)
class _Job:
    """The study under way."""

    planned: PlannedStudy
    account: Account
    data: Private[work.StudyData]
    record: Record

    def open_table(self) -> None:
        """Open the data once, for a claim of nothing. Errors: SpecError if they do not fit the study."""
        spec = self.planned.spec
        name = f"{spec.study.name}: {OPENING}"
        try:
            self._release(work.OpenTable(name, spec.data.privacy_unit(), spec.budget.relation))
        except ReleaseFailed as failed:
            raise SpecError(f"the data cannot be used, and opening them cost nothing: {failed}") from None

    def run(self, step: Step) -> StepRecord:
        begun = time.perf_counter()
        if step.event is None:
            return self.record.finish(step.name, seconds=0.0, result={}, receipts=[], status="withheld")
        works: dict[str, Callable[[Step], Result]] = {
            PROTECT: self._protect,
            CENTRAL: self._train_central,
            FEDERATED: self._train_federated,
            EVALUATE: self._evaluate,
            AUDIT: self._audit,
            LABORATORY: self._laboratory,
        }
        result, receipts = works[step.name](step)
        seconds = time.perf_counter() - begun
        return self.record.finish(
            step.name, seconds=seconds, result=result, receipts=[receipt.to_json() for receipt in receipts]
        )

    def _release(self, mechanism: Any) -> Release[Any]:
        return self.account.release(mechanism, self.data, study=self.record.study)

    def _unbounded(self, step: Step, what: Callable[[work.StudyData], dict[str, Any]]) -> Release[dict[str, Any]]:
        spec = self.planned.spec
        reason = getattr(step.event, "reason", step.title)
        name = f"{spec.study.name}: {step.title}"
        unit = spec.data.privacy_unit()
        return self._release(work.WithoutGuarantee(name, unit, spec.budget.relation, reason, what))

    def _protect(self, step: Step) -> Result:
        settings = self.planned.spec.protect
        if settings is None:
            return {}, []
        key = load_or_create_key(self.planned.file.path(settings.key))
        released = self._unbounded(step, work.protect(self.planned, key=key))
        shown = {name: part for name, part in released.value.items() if name != "table"}
        if settings.table is not None:
            write_whole(self.planned.file.path(settings.table), released.value["table"])
        return shown, [released.receipt]

    def _train_central(self, step: Step) -> Result:
        plan = self.planned.central
        if plan is None:
            return {}, []
        encoder = self.planned.encoder()
        with self.account.open(plan, self.data, delta=step.delta, study=self.record.study) as run:
            released = run.release(self._fitted(run.data.train_rows, plan=plan, steps=run.steps(), encoder=encoder))
        return {"model": released.value.to_json()}, [released.receipt]

    def _fitted(
        self, rows: LabelledRows, *, plan: FullBatchPlan, steps: Iterable[NoiseSource], encoder: Encoder
    ) -> LogisticModel | NetworkModel:
        settings = self.planned.spec.train
        if settings.model == "logistic":
            weights = descend(rows, plan=plan, steps=steps, max_row_norm=encoder.max_row_norm)
            return _model(weights, encoder.names)
        # PyTorch is an extra, and only networks need it.
        from privet.training.networks import descend_network

        return descend_network(
            rows,
            plan=plan,
            steps=steps,
            hidden=settings.layers,
            names=encoder.names,
            scale=1 / encoder.unit,
        )

    def _train_federated(self, step: Step) -> Result:
        plan, settings = self.planned.federated, self.planned.spec.federated
        if plan is None or settings is None:
            return {}, []
        encoder = self.planned.encoder()
        strategy = attribute("privet.federated.strategies", settings.strategy, "STRATEGY")
        with self.account.open(plan, self.data, delta=step.delta, study=self.record.study) as run:
            data = run.data
            if data.sites is None:
                raise SpecError("[federated] is missing")
            sites = make_sites(data.train_rows, plan=plan, site_of=data.sites[~data.test])
            trained = simulate(
                sites,
                plan=plan,
                strategy=strategy,
                steps=run.steps(),
                max_row_norm=encoder.max_row_norm,
                secure_sum=settings.secure_sum,
            )
            released = run.release(_model(trained.weights, encoder.names))
        return {"model": released.value.to_json(), "bytes_up": trained.bytes_up}, [released.receipt]

    def models(self) -> dict[str, Classifier]:
        """The released models, from the record."""
        found = {name: self.record.finished(name) for name in self.planned.models()}
        return {name: model_from_json(step.result["model"]) for name, step in found.items() if step is not None}

    def _evaluate(self, step: Step) -> Result:
        settings, models = self.planned.spec.evaluate, self.models()
        if settings is None:
            return {}, []
        judges = (*models, MAJORITY)
        answers = work.right_answers(models)
        mechanism = counting(self.planned.spec, EVALUATE, epsilon=settings.epsilon, judges=judges, answers=answers)
        released = self._release(mechanism)
        return {"counts": released.value, "scale": float(mechanism.scale)}, [released.receipt]

    def _audit(self, step: Step) -> Result:
        settings, models = self.planned.spec.audit, self.models()
        if settings is None:
            return {}, []
        judges = attack_judges(tuple(models))
        counted, receipts = {}, []
        share = settings.epsilon / len(settings.attacks)
        for attack in settings.attacks:
            answers = work.attack_answers(models, attack=attack)
            mechanism = counting(self.planned.spec, AUDIT, epsilon=share, judges=judges, answers=answers)
            released = self._release(mechanism)
            counted[attack] = {"counts": released.value, "scale": float(mechanism.scale)}
            receipts.append(released.receipt)
        return {"attacks": counted}, receipts

    def _laboratory(self, step: Step) -> Result:
        settings = self.planned.spec.audit
        if settings is None:
            return {}, []
        released = self._unbounded(step, work.laboratory(self.planned, self.models(), attacks=settings.attacks))
        return released.value, [released.receipt]


def _model(weights: np.ndarray[Any, Any], names: tuple[str, ...]) -> LogisticModel:
    return LogisticModel(tuple(float(weight) for weight in weights), names)
