"""``study.toml``: one declarative file for the whole job, checked before anything is opened or written."""

from __future__ import annotations

import hashlib
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from privet.core.bounds import Bounds, Categories, Interval
from privet.core.errors import InvalidParameter, SpecError
from privet.core.exact import exact
from privet.core.neighbours import PrivacyUnit, Relation

ROW = "row"


def _read_exact(value: Any) -> Fraction:
    # A float in TOML means the decimal that was typed, so ten shares of 0.1 add up to 1.
    return exact(value)


Positive = Annotated[Fraction, BeforeValidator(_read_exact), Field(gt=0)]
SmallProbability = Annotated[Fraction, BeforeValidator(_read_exact), Field(ge=0, lt=1)]


class Section(BaseModel):
    """Unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, arbitrary_types_allowed=True)


class StudySection(Section):
    name: Annotated[str, Field(min_length=1, pattern=r"^[^/\\\s][^/\\\n]*$")]
    title: str | None = None
    source_note: str | None = None


class ColumnSection(Section):
    """Public facts about one column, stated by a person and never read from the data."""

    kind: Literal["number", "category", "flag"]
    bounds: tuple[float, float] | None = None
    values: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _complete(self) -> ColumnSection:
        if self.kind == "number" and self.bounds is None:
            raise ValueError("a number needs bounds = [lowest, highest], stated, not read from the data")
        if self.kind == "category" and not self.values:
            raise ValueError('a category needs values = ["a", "b", ...], stated, not read from the data')
        self.to_bounds()
        return self

    def to_bounds(self) -> Bounds:
        if self.kind == "category":
            return Categories(self.values or ())
        low, high = self.bounds or (0.0, 1.0)
        return Interval(low, high)


class DataSection(Section):
    source: str
    unit: str = ROW
    unit_name: str | None = None
    max_rows_per_unit: Annotated[int, Field(ge=1)] = 1
    expected_units: Annotated[int, Field(ge=10)]
    columns: dict[str, ColumnSection] = Field(alias="schema", min_length=1)

    def privacy_unit(self) -> PrivacyUnit:
        if self.unit == ROW:
            return PrivacyUnit(self.unit_name or ROW)
        return PrivacyUnit(self.unit_name or self.unit, column=self.unit, max_rows=self.max_rows_per_unit)

    @model_validator(mode="after")
    def _rows_need_no_bound(self) -> DataSection:
        if self.unit == ROW and self.max_rows_per_unit != 1:
            raise ValueError('max_rows_per_unit needs a unit column; with unit = "row" leave it out')
        return self


class BudgetSection(Section):
    ledger: str
    account: Annotated[str, Field(min_length=1)]
    epsilon: Positive
    delta: SmallProbability
    relation: Relation = Relation.ADD_OR_REMOVE
    allow_no_guarantee: bool = False
    purpose: str | None = None


class ProtectSection(Section):
    policy: str
    quasi_identifiers: Annotated[tuple[str, ...], Field(min_length=1)]
    sensitive: str | None = None
    population: Annotated[int, Field(ge=1)] | None = None
    key: str = "pseudonym.key"
    table: str | None = None

    @model_validator(mode="after")
    def _secrets_are_not_known(self) -> ProtectSection:
        if self.sensitive in self.quasi_identifiers:
            raise ValueError(
                f"sensitive column {self.sensitive!r} is also a quasi-identifier; a column is either a secret or known "
                "to others"
            )
        return self


class TrainSection(Section):
    model: Literal["logistic", "network"] = "logistic"
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)] | None = None
    target: str
    positive_above: float
    features: tuple[str, ...] | None = None
    mode: Literal["central", "federated"] = "central"
    epsilon: Positive
    delta: Positive | None = None
    steps: Annotated[int, Field(ge=1, le=10_000)] = 40
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.25

    @property
    def layers(self) -> tuple[int, ...]:
        """Widths of a network's layers between rows and answer."""
        return self.hidden or (32,)

    @model_validator(mode="after")
    def _layers_need_a_network(self) -> TrainSection:
        if self.hidden is not None and self.model != "network":
            raise ValueError('hidden is for model = "network"; set it, or leave hidden out')
        return self


class FederatedSection(Section):
    sites: Annotated[int, Field(ge=2, le=1000)]
    strategy: str = "fed_avg"
    rounds: Annotated[int, Field(ge=1, le=10_000)]
    local_steps: Annotated[int, Field(ge=1, le=1000)] = 4
    secure_sum: bool = True
    epsilon: Positive
    delta: Positive | None = None


class AuditSection(Section):
    attacks: Annotated[tuple[str, ...], Field(min_length=1)] = ("loss_threshold",)
    epsilon: Positive
    laboratory: bool = False


class EvaluateSection(Section):
    epsilon: Positive


class ReportSection(Section):
    path: str = "report.html"


class StudySpec(Section):
    """The whole study. Sections that are left out are not run."""

    study: StudySection
    data: DataSection
    budget: BudgetSection
    protect: ProtectSection | None = None
    train: TrainSection
    federated: FederatedSection | None = None
    evaluate: EvaluateSection | None = None
    audit: AuditSection | None = None
    report: ReportSection = ReportSection()

    @model_validator(mode="after")
    def _consistent(self) -> StudySpec:
        if self.train.mode == "federated" and self.federated is None:
            raise ValueError('[train] mode is "federated" but there is no [federated] section; add one')
        if self.train.model == "network" and self.federated is not None:
            raise ValueError(
                '[train] model is "network", which is trained in one place; leave [federated] out, or set model to '
                '"logistic"'
            )
        named = (self.train.target, *(self.train.features or ()))
        missing = [name for name in named if name not in self.data.columns]
        if missing:
            raise ValueError(f"[train] names column {missing[0]!r}, which has no [data.schema.{missing[0]}]; add it")
        if self.train.target in (self.train.features or ()):
            raise ValueError(f"[train] target {self.train.target!r} is also a feature; take it out of features")
        if self.audit is not None and self.audit.laboratory and not self.budget.allow_no_guarantee:
            raise ValueError(
                "[audit] laboratory figures have no guarantee, and [budget] allow_no_guarantee is false; "
                "set laboratory = false, or allow it if the data are public"
            )
        return self

    @property
    def features(self) -> tuple[str, ...]:
        if self.train.features is not None:
            return self.train.features
        return tuple(name for name in self.data.columns if name != self.train.target)


class StudyFile(Section):
    """A study and the folder that its relative paths start from."""

    spec: StudySpec
    folder: Path
    digest: str

    def path(self, text: str) -> Path:
        """A path of the study file, relative to the folder it lies in."""
        return self.folder / text

    def ledger_url(self) -> str:
        """The ledger's URL; a relative SQLite file lies beside the study file."""
        url, prefix = self.spec.budget.ledger, "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return f"{prefix}{self.folder.resolve() / url.removeprefix(prefix)}"
        return url


def load(path: str | Path) -> StudyFile:
    """Read and check a study file. Opens no data and writes nothing.

    Errors: SpecError in one sentence, with the place in the file and what to do.
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
    except OSError:
        raise SpecError(f"{file}: there is no such study file; make one with 'privet study new'") from None
    try:
        body = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: this is not TOML: {error}") from None
    try:
        spec = StudySpec.model_validate(body)
    except ValidationError as error:
        raise SpecError(f"{file}: {_first_problem(error)}") from None
    except InvalidParameter as error:
        raise SpecError(f"{file}: {error}") from None
    return StudyFile(spec=spec, folder=file.parent, digest=hashlib.sha256(raw).hexdigest())


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first, more = problems[0], len(problems) - 1
    place = _place(first["loc"])
    if first["type"] == "extra_forbidden":
        text = f"{place} is not a key of a study; take it out or correct its spelling"
    elif first["type"] == "missing":
        text = f"{place} is missing; add it"
    else:
        given = first.get("input")
        shown = f" (it is {given!r})" if isinstance(given, (str, int, float)) else ""
        text = f"{place}{': ' if place else ''}{first['msg'].removeprefix('Value error, ')}{shown}"
    return text + (f" ({more} more after this one)" if more else "")


def _place(location: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in location]
    if not parts:
        return ""
    if len(parts) == 1:
        return f"[{parts[0]}]"
    return f"[{'.'.join(parts[:-1])}] {parts[-1]}"
