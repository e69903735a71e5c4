"""One finished study as the values of its report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from privet._version import __version__
from privet.ledger import Ledger
from privet.ledger.book import now
from privet.study.record import Record
from privet.study.report.model import DatasetView, StepView, StudyReport, Version, Withheld
from privet.study.steps import PlannedStudy
from privet.study.telling import money, tables
from privet.study.telling.answers import certificate, limits
from privet.study.telling.attacks import attacks
from privet.study.telling.finished import Finished
from privet.study.telling.judgement import verdict
from privet.study.telling.models import comparison, federated

_PARTS = ("dp-accounting", "numpy", "scipy", "scikit-learn", "pandas", "sqlalchemy")


def tell(planned: PlannedStudy, record: Record, ledger: Ledger) -> StudyReport:
    """Fill the report of a study whose every step is finished. Reads the record and the book, no data."""
    study, spec = Finished(planned, record, ledger), planned.spec
    budget, risk = money.budget(study), money.risk(study)
    models, found, reidentified = comparison(study), tables.identifiers(study), tables.reidentification(study)
    return StudyReport(
        title=spec.study.title or spec.study.name,
        created=now(),
        versions=_versions(),
        verdict=verdict(budget, risk=risk, comparison=models, identifiers=found, reidentification=reidentified),
        dataset=_dataset(study),
        budget=budget,
        risk=risk,
        comparison=models,
        identifiers=found,
        reidentification=reidentified,
        attacks=attacks(study),
        federated=federated(study),
        certificate=certificate(study),
        limits=limits(study),
        steps=_steps(study),
    )


def _dataset(study: Finished) -> DatasetView:
    spec = study.planned.spec
    unit = spec.data.privacy_unit()
    return DatasetView(
        name=spec.study.source_note or spec.data.source,
        rows=f"about {spec.data.expected_units:,} (stated in the study file, not counted)",
        unit=unit.name,
        relation=spec.budget.relation.describe(unit.name),
        max_rows=unit.max_rows,
        source=spec.data.source,
    )


def _steps(study: Finished) -> tuple[StepView, ...]:
    views = []
    for step in study.planned.steps:
        left = study.step(step.name)
        if isinstance(left, Withheld):
            views.append(StepView(step.title, left, "skipped"))
        else:
            views.append(StepView(step.title, left.seconds, "done"))
    return tuple(views)


def _versions() -> tuple[Version, ...]:
    found = [Version("Privet", __version__), Version("Python", platform.python_version())]
    for part in _PARTS:
        try:
            found.append(Version(part, version(part)))
        except PackageNotFoundError:
            continue
    return tuple(found)
