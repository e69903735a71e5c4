"""What was found out: what the guarantee means, how good the models are, how tables and attacks came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from privet.core.errors import InvalidParameter
from privet.study.report.values import Estimate, Withheld, check_amounts, check_shares

ModelKind: TypeAlias = Literal["private-central", "private-federated", "non-private", "baseline"]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of the privacy curve: at this ``epsilon`` the guarantee holds with this ``delta``."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        check_amounts(self, "epsilon", infinite=True)
        check_shares(self, "delta")


@dataclass(frozen=True, slots=True)
class TprBound:
    """The largest share of members an attacker can find if only ``fpr`` of the others may be accused wrongly.

    ``from_curve`` reads the whole privacy curve, ``from_point`` only (epsilon, delta); both are upper bounds.
    """

    fpr: float
    from_curve: float | Withheld
    from_point: float | Withheld

    def __post_init__(self) -> None:
        check_shares(self, "fpr", "from_curve", "from_point")


@dataclass(frozen=True, slots=True)
class PosteriorPoint:
    """An attacker who believed with ``prior`` that somebody is in the data can believe at most ``posterior`` after."""

    prior: float
    posterior: float

    def __post_init__(self) -> None:
        check_shares(self, "prior", "posterior")


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
        check_amounts(self, "epsilon", infinite=True)
        check_shares(self, "delta", "accuracy_from_curve", "accuracy_from_point")

    @property
    def accuracy(self) -> float | Withheld:
        """The better of the two bounds: the curve's if it is known."""
        return self.accuracy_from_point if isinstance(self.accuracy_from_curve, Withheld) else self.accuracy_from_curve


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
        check_amounts(self, "epsilon", infinite=True)
        if not self.charged and not self.label.strip():
            raise InvalidParameter(f"figure of model {self.name!r} was not charged; its label must say what it is")


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """The models side by side; ``measured_on`` says on which rows and with which target, in a sentence."""

    measured_on: str
    models: tuple[ModelView, ...]


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One column: what kind of identifier it holds ("name", "none found"), in which share of cells, what was done.

    ``role`` is what it is to somebody who wants to know whose row it is ("identifier", "quasi-identifier",
    "sensitive", "plain"), and ``why`` says what speaks for it.
    """

    column: str
    found: str | Withheld
    share: float | Withheld
    action: str
    role: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        check_shares(self, "share")


@dataclass(frozen=True, slots=True)
class ClassSize:
    """A bar of the class-size histogram: ``share`` of all rows that sit in groups of size ``label`` ("1", "2-4")."""

    label: str
    share: float

    def __post_init__(self) -> None:
        check_shares(self, "share")


@dataclass(frozen=True, slots=True)
class Combination:
    """A set of columns and the share of rows that it alone makes unique."""

    columns: tuple[str, ...]
    unique_share: float

    def __post_init__(self) -> None:
        check_shares(self, "unique_share")


@dataclass(frozen=True, slots=True)
class RiskFigure:
    """A further figure of a table's risk by its name; ``unit`` says how it is written."""

    name: str
    value: float
    unit: Literal["share", "count", "distance"]

    def __post_init__(self) -> None:
        check_amounts(self, "value")


@dataclass(frozen=True, slots=True)
class TableRisk:
    """How easily rows of one table are told apart. ``k`` is the size of the smallest group of look-alike rows."""

    rows: int | Withheld
    k: int | Withheld
    unique_share: float | Withheld
    class_sizes: tuple[ClassSize, ...] | Withheld
    dangerous: tuple[Combination, ...] | Withheld
    more: tuple[RiskFigure, ...] = ()

    def __post_init__(self) -> None:
        check_amounts(self, "rows", "k")
        check_shares(self, "unique_share")


@dataclass(frozen=True, slots=True)
class ReidentificationView:
    """The table before and after protection, judged by the same ``quasi_identifiers``.

    Use the same class-size labels in both, so that the bars can be compared. ``label`` says what these figures are:
    they are read from the data itself and carry no guarantee unless they were charged. ``not_counted`` are columns
    that leave with the table and look like quasi-identifiers, but are not among those that were stated.
    """

    quasi_identifiers: tuple[str, ...]
    before: TableRisk
    after: TableRisk
    label: str
    not_counted: tuple[str, ...] = ()

    def more(self) -> tuple[tuple[str, RiskFigure | None, RiskFigure | None], ...]:
        """Further figures side by side, in the order in which they were given."""
        sides = [{figure.name: figure for figure in table.more} for table in (self.before, self.after)]
        return tuple((name, sides[0].get(name), sides[1].get(name)) for name in dict.fromkeys([*sides[0], *sides[1]]))


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
        check_shares(self, "fpr_wanted", "fpr_realised", "bound")


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
        check_amounts(self, "members", "non_members")
        check_amounts(self, "epsilon_at_least", "ceiling", infinite=True)
        if not self.covered and not self.label.strip():
            raise InvalidParameter(f"attack on {self.target!r} is outside the guarantee; its label must say so")
