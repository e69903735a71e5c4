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
from typing import Any, Literal, TypeAlias

from privet.core.errors import InvalidParameter

VerdictLevel: TypeAlias = Literal["ok", "caution", "problem"]
ClaimState: TypeAlias = Literal["reserved", "committed", "forfeited"]
ModelKind: TypeAlias = Literal["private-central", "private-federated", "non-private", "baseline"]
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
"""What a claim of differential privacy must answer (after NIST SP 800-226, 2025). An unanswered one is shown as such."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A value that is not in the report, and why: "not run", "the policy keeps it back", "costs budget".

    >>> Withheld("the attack was not run").reason
    'the attack was not run'
    """

    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidParameter("a withheld value has no reason; say in words why it is not shown")


def _amounts(owner: Any, *names: str, infinite: bool = False) -> None:
    """Refuse NaN and negative numbers, and infinity unless it has a meaning for these fields."""
    for name in names:
        value = getattr(owner, name)
        if isinstance(value, Withheld):
            continue
        if math.isnan(value) or value < 0 or (math.isinf(value) and not infinite):
            kind = "a number of at least 0" + (" (infinity is allowed)" if infinite else ", not infinite")
            raise InvalidParameter(f"{type(owner).__name__}.{name} is {value}; give {kind}")


def _shares(owner: Any, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, Withheld) and not 0 <= value <= 1:
            raise InvalidParameter(f"{type(owner).__name__}.{name} is {value}; give a share from 0 to 1")


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
        _amounts(self, "epsilon", infinite=True)
        _shares(self, "delta")


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
        _amounts(self, "epsilon_limit", "epsilon_spent", "joint_epsilon", infinite=True)
        _shares(self, "delta_limit", "delta_spent")

    @property
    def epsilon_left(self) -> float:
        """What later work on the same people may still spend; 0 if an infinite charge was made."""
        if math.isinf(self.epsilon_spent):
            return 0.0
        return max(0.0, self.epsilon_limit - self.epsilon_spent)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of the privacy curve: at this ``epsilon`` the guarantee holds with this ``delta``."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        _amounts(self, "epsilon", infinite=True)
        _shares(self, "delta")


@dataclass(frozen=True, slots=True)
class TprBound:
    """The largest share of members an attacker can find if only ``fpr`` of the others may be accused wrongly.

    ``from_curve`` reads the whole privacy curve, ``from_point`` only (epsilon, delta); both are upper bounds.
    """

    fpr: float
    from_curve: float | Withheld
    from_point: float | Withheld

    def __post_init__(self) -> None:
        _shares(self, "fpr", "from_curve", "from_point")


@dataclass(frozen=True, slots=True)
class PosteriorPoint:
    """An attacker who believed with ``prior`` that somebody is in the data can believe at most ``posterior`` after."""

    prior: float
    posterior: float

    def __post_init__(self) -> None:
        _shares(self, "prior", "posterior")


@dataclass(frozen=True, slots=True)
class RiskView:
    """What the guarantee means for one person, whatever the attacker knows or does.

    ``covers`` says what was put together to get (``epsilon``, ``delta``). The accuracies are upper bounds for an
    attacker who starts at even odds; 0.5 is a coin. ``posterior_note`` says how the belief bound is meant ("except
    with chance delta"), ``sentences`` are further readings in frequency form.
    """

    covers: str
    epsilon: float
    delta: float
    curve: tuple[CurvePoint, ...] | Withheld
    accuracy_from_curve: float | Withheld
    accuracy_from_point: float | Withheld
    tpr: tuple[TprBound, ...] | Withheld
    posterior: tuple[PosteriorPoint, ...] | Withheld
    posterior_note: str = ""
    sentences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _amounts(self, "epsilon", infinite=True)
        _shares(self, "delta", "accuracy_from_curve", "accuracy_from_point")

    @property
    def accuracy(self) -> float | Withheld:
        """The better of the two bounds: the curve's if it is known."""
        return self.accuracy_from_point if isinstance(self.accuracy_from_curve, Withheld) else self.accuracy_from_curve


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; ``level`` is its coverage, for example 0.95."""

    low: float
    high: float
    level: float

    def __post_init__(self) -> None:
        _shares(self, "low", "high", "level")
        if self.low > self.high:
            raise InvalidParameter(f"interval is [{self.low}, {self.high}]; give the lower end first")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured share with its interval, or the reason why it has none."""

    value: float
    interval: Interval | Withheld

    def __post_init__(self) -> None:
        _shares(self, "value")


@dataclass(frozen=True, slots=True)
class ModelView:
    """How well one model does. ``epsilon`` is its own price: infinite for a model without a guarantee.

    ``charged`` says whether the *accuracy figure* was paid for from the account. If it was not, ``label`` must say
    what it is, for example "laboratory figure, not released, outside the guarantee".
    """

    name: str
    kind: ModelKind
    epsilon: float | Withheld
    accuracy: Estimate | Withheld
    charged: bool
    label: str = ""

    def __post_init__(self) -> None:
        _amounts(self, "epsilon", infinite=True)
        if not self.charged and not self.label.strip():
            raise InvalidParameter(f"figure of model {self.name!r} was not charged; its label must say what it is")


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """The models side by side; ``measured_on`` says on which rows and with which target, in a sentence."""

    measured_on: str
    models: tuple[ModelView, ...]


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One column: what kind of identifier it holds ("name", "none found"), in which share of cells, what was done."""

    column: str
    found: str | Withheld
    share: float | Withheld
    action: str

    def __post_init__(self) -> None:
        _shares(self, "share")


@dataclass(frozen=True, slots=True)
class ClassSize:
    """A bar of the class-size histogram: ``share`` of all rows that sit in groups of size ``label`` ("1", "2-4")."""

    label: str
    share: float

    def __post_init__(self) -> None:
        _shares(self, "share")


@dataclass(frozen=True, slots=True)
class Combination:
    """A set of columns and the share of rows that it alone makes unique."""

    columns: tuple[str, ...]
    unique_share: float

    def __post_init__(self) -> None:
        _shares(self, "unique_share")


@dataclass(frozen=True, slots=True)
class TableRisk:
    """How easily rows of one table are told apart. ``k`` is the size of the smallest group of look-alike rows."""

    rows: int | Withheld
    k: int | Withheld
    unique_share: float | Withheld
    class_sizes: tuple[ClassSize, ...] | Withheld
    dangerous: tuple[Combination, ...] | Withheld

    def __post_init__(self) -> None:
        _amounts(self, "rows", "k")
        _shares(self, "unique_share")


@dataclass(frozen=True, slots=True)
class ReidentificationView:
    """The table before and after protection, judged by the same ``quasi_identifiers``.

    Use the same class-size labels in both, so that the bars can be compared. ``label`` says what these figures are:
    they are read from the data itself and carry no guarantee unless they were charged.
    """

    quasi_identifiers: tuple[str, ...]
    before: TableRisk
    after: TableRisk
    label: str


@dataclass(frozen=True, slots=True)
class TprResult:
    """Members found at a wanted false-positive rate, with the rate that was really met.

    ``bound`` is the most that the guarantee allows at the realised rate.
    """

    fpr_wanted: float
    fpr_realised: float
    tpr: Estimate
    bound: float | Withheld

    def __post_init__(self) -> None:
        _shares(self, "fpr_wanted", "fpr_realised", "bound")


@dataclass(frozen=True, slots=True)
class AttackView:
    """One attack on one model: what an attacker really achieved.

    ``covered`` is True when the target falls under a guarantee of the account; else ``label`` says what the figure is.
    ``epsilon_at_least`` is the lower bound that the result proves, ``ceiling`` the largest value this audit could have
    proved with so many members and non-members.
    """

    target: str
    attack: str
    covered: bool
    members: int
    non_members: int
    auc: Estimate | Withheld
    tpr: tuple[TprResult, ...] | Withheld
    epsilon_at_least: float | Withheld
    ceiling: float | Withheld
    label: str = ""

    def __post_init__(self) -> None:
        _amounts(self, "members", "non_members")
        _amounts(self, "epsilon_at_least", "ceiling", infinite=True)
        if not self.covered and not self.label.strip():
            raise InvalidParameter(f"attack on {self.target!r} is outside the guarantee; its label must say so")


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
        _amounts(self, "sites", "rounds", "bytes_per_round_per_site")


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
        _amounts(self, "seconds")


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

    def to_json(self) -> dict[str, Any]:
        """Write the report as plain JSON (no NaN or Infinity literal), for ``--json``."""
        from privet.study.report.codec import encode_report

        return encode_report(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> StudyReport:
        """Read it back. Errors: InvalidParameter that names the place where the text does not fit."""
        from privet.study.report.codec import decode_report

        return decode_report(body)
