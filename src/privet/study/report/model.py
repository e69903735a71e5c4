"""What a study's report says: plain frozen values, filled by the study's runner and read by the page.

Nothing here touches data, ledger or files. Two rules keep the page honest:

* A value that may be missing has the type ``X | Withheld``. There is no None: whoever leaves a number out writes down
  why, and the page prints the reason where the number would have stood.
* No number is NaN. Epsilon may be infinite, which the page shows as "no guarantee"; all else is finite.

Shares, rates and accuracies are fractions from 0 to 1. Times are seconds, sizes are bytes, moments are ISO 8601 text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from privet.core.errors import InvalidParameter
from privet.study.report.evidence import (
    AttackView,
    ClassSize,
    ColumnView,
    Combination,
    ComparisonView,
    CurvePoint,
    ModelKind,
    ModelView,
    PosteriorPoint,
    ReidentificationView,
    RiskFigure,
    RiskView,
    TableRisk,
    TprBound,
    TprResult,
)
from privet.study.report.values import Estimate, Interval, Withheld, check_amounts, check_shares

__all__ = [
    "CERTIFICATE_QUESTIONS",
    "AttackView",
    "BudgetView",
    "CertificateLine",
    "ClaimState",
    "ClaimView",
    "ClassSize",
    "ColumnView",
    "Combination",
    "ComparisonView",
    "CurvePoint",
    "DatasetView",
    "Estimate",
    "FederatedView",
    "Interval",
    "ModelKind",
    "ModelView",
    "PosteriorPoint",
    "ReidentificationView",
    "RiskFigure",
    "RiskView",
    "StepStatus",
    "StepView",
    "StudyReport",
    "TableRisk",
    "TprBound",
    "TprResult",
    "Verdict",
    "VerdictLevel",
    "Version",
    "Withheld",
]

VerdictLevel: TypeAlias = Literal["ok", "caution", "problem"]
ClaimState: TypeAlias = Literal["reserved", "committed", "forfeited"]
StepStatus: TypeAlias = Literal["done", "skipped", "failed"]

CERTIFICATE_QUESTIONS: tuple[str, ...] = (
    "Guarantee",
    "Privacy unit",
    "Neighbouring relation",
    "Contribution bound",
    "Trust model",
    "What is released",
    "Charges composed",
    "Cost of tuning",
    "Sampler",
    "Accountant and version",
    "Noise and floating point",
    "Public data used",
    "Audit results",
)
"""What a claim of differential privacy must answer (after NIST SP 800-226, 2025). An unanswered one shows as such."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The study in one plain sentence, then the points a reader must know.

    The page may show a graver level than the runner asked for, never a milder one: see ``verdict.settled``.
    """

    level: VerdictLevel
    sentence: str
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetView:
    """Whose data these are. ``rows`` is a sentence ("20,190 person-years, published"): the number may be private.

    ``unit`` is who is protected, ``relation`` what "neighbouring" means in words, ``max_rows`` how many rows one unit
    may contribute, ``source`` where the table comes from.
    """

    name: str
    rows: str | Withheld
    unit: str
    relation: str
    max_rows: int
    source: str

    def __post_init__(self) -> None:
        if self.max_rows < 1:
            raise InvalidParameter(f"DatasetView.max_rows is {self.max_rows}; give a whole number of at least 1")


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One charge in the book. Infinite ``epsilon``: something left without a guarantee.

    ``guarantee`` is its text as the receipt has it, ``covers`` what left for it in plain words, ``this_study`` is
    False for charges that earlier work made to the same account.
    """

    name: str
    when: str
    state: ClaimState
    guarantee: str
    epsilon: float
    delta: float
    receipt: str | Withheld
    covers: str
    this_study: bool = True

    def __post_init__(self) -> None:
        check_amounts(self, "epsilon", infinite=True)
        check_shares(self, "delta")


@dataclass(frozen=True, slots=True)
class BudgetView:
    """The account: its limit, what is spent and what guards it.

    ``epsilon_spent`` and ``delta_spent`` are what the guarding filter has counted (``guard`` names it in words), which
    holds for claims chosen adaptively. ``joint_epsilon`` is the tighter figure at ``delta_limit``; it is valid only
    for plans fixed in advance, and the page says so.
    """

    account: str
    epsilon_limit: float
    delta_limit: float
    epsilon_spent: float
    delta_spent: float
    guard: str
    joint_epsilon: float | Withheld
    claims: tuple[ClaimView, ...]

    def __post_init__(self) -> None:
        check_amounts(self, "epsilon_limit", "epsilon_spent", "joint_epsilon", infinite=True)
        check_shares(self, "delta_limit", "delta_spent")

    @property
    def epsilon_left(self) -> float:
        """What later work on the same people may still spend; 0 if an infinite charge was made."""
        if math.isinf(self.epsilon_spent):
            return 0.0
        return max(0.0, self.epsilon_limit - self.epsilon_spent)


@dataclass(frozen=True, slots=True)
class FederatedView:
    """How the sites worked together. ``trust_model`` says who could have seen what, in a sentence or two."""

    sites: int
    rounds: int
    strategy: str
    secure_sum: bool
    bytes_per_round_per_site: int | Withheld
    trust_model: str
    simulated: bool

    def __post_init__(self) -> None:
        check_amounts(self, "sites", "rounds", "bytes_per_round_per_site")


@dataclass(frozen=True, slots=True)
class CertificateLine:
    """One answer of the certificate; ``label`` is one of CERTIFICATE_QUESTIONS or a further one."""

    label: str
    value: str | Withheld


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the study: its name, how long it took and how it ended."""

    name: str
    seconds: float | Withheld
    status: StepStatus

    def __post_init__(self) -> None:
        check_amounts(self, "seconds")


@dataclass(frozen=True, slots=True)
class Version:
    """A part of the machinery and its version, for example ("dp-accounting", "0.6.0")."""

    part: str
    version: str


@dataclass(frozen=True, slots=True)
class StudyReport:
    """Everything the page shows. ``versions`` starts with Privet and Python; ``limits`` are honest sentences."""

    title: str
    created: str
    versions: tuple[Version, ...]
    verdict: Verdict
    dataset: DatasetView
    budget: BudgetView
    risk: RiskView | Withheld
    comparison: ComparisonView | Withheld
    identifiers: tuple[ColumnView, ...] | Withheld
    reidentification: ReidentificationView | Withheld
    attacks: tuple[AttackView, ...] | Withheld
    federated: FederatedView | Withheld
    certificate: tuple[CertificateLine, ...]
    limits: tuple[str, ...]
    steps: tuple[StepView, ...]
