"""Logistic regression with differential privacy, as scikit-learn users know it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from privet.accounting import calibrate_noise
from privet.core.bounds import Interval
from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.receipts import Receipt
from privet.core.sealed import Private
from privet.core.units import ClipNorm
from privet.ledger import Account, Composition, Ledger
from privet.training.descent import descend
from privet.training.features import Encoder
from privet.training.linear import LabelledRows, probabilities
from privet.training.plan import FullBatchPlan, step_events

ROW = PrivacyUnit("row")
_AS_FLOATS: dict[str, Any] = {"ensure_all_finite": False, "dtype": np.float64}
# Rows are encoded to norm at most 1, so no gradient is longer than 1 and clipping at 1 changes nothing.
CLIP_NORM = ClipNorm(1.0)


class LogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary logistic regression by noisy full-batch gradient descent.

    Guarantee: (``epsilon``, ``delta``)-DP for one row. With ``expected_units`` None the number of rows is public and
    one row is exchanged (replace-one); with a public ``expected_units`` rows are added or removed.
    The data holder is trusted.
    ``bounds`` are public: one (low, high) pair for all columns, or one for each; they are never read from the data.
    ``classes`` None takes the two classes from ``y``: that both occur is then taken as public.
    ``delta`` None means one tenth over the number of rows (the public one). Without an ``account`` one of exactly
    this size is opened in memory; either way the fit passes the gate and leaves ``receipt_``.
    Fitted: ``coef_`` (1, d) and ``intercept_`` (1,) in the columns' own units, ``classes_``, ``receipt_``.
    Errors: InvalidParameter if bounds are missing or do not fit; BudgetRefused if the account is spent.
    Reference: Bassily, Smith & Thakurta 2014 (noisy gradient descent); Dong, Roth & Su 2022 (its accounting).

    >>> X = np.repeat([[0.0], [1.0]], 500, axis=0)
    >>> model = LogisticRegression(epsilon=5, delta=1e-5, bounds=(0, 1)).fit(X, X.ravel() > 0.5)
    >>> model.predict([[0.0], [1.0]]).tolist()
    [False, True]
    """

    def __init__(
        self,
        *,
        epsilon: float,
        delta: float | None = None,
        bounds: Sequence[Any] | None = None,
        classes: Sequence[Any] | None = None,
        expected_units: float | None = None,
        steps: int = 120,
        account: Account | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.bounds = bounds
        self.classes = classes
        self.expected_units = expected_units
        self.steps = steps
        self.account = account

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True  # a missing value counts as the middle of its bounds
        tags.non_deterministic = True  # noise that could be repeated would protect nothing
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit through the gate. Shapes: ``X`` (n, d), ``y`` (n,) of two classes."""
        checked: tuple[NDArray[np.float64], NDArray[Any]] = validate_data(self, X, y, **_AS_FLOATS)
        rows_of_x, labels = checked
        check_classification_targets(labels)
        encoder = self._encoder()
        self.classes_ = self._two_classes(labels)
        units = float(len(labels)) if self.expected_units is None else float(self.expected_units)
        plan = self._plan(units)
        account = self.account or _account_for(plan, epsilon=self.epsilon, delta=self._delta(units))
        rows = LabelledRows(
            encoder.encode({name: rows_of_x[:, i] for i, name in enumerate(encoder.columns)}),
            np.asarray(labels == self.classes_[1], dtype=np.int64),
        )
        with account.open(plan, Private.wrap(rows, account=account.name), delta=self._delta(units)) as run:
            weights = descend(run.data, plan=plan, steps=run.steps(), max_row_norm=encoder.max_row_norm)
            released = run.release(weights)
        self.receipt_: Receipt = released.receipt
        self._unscale(released.value, encoder)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log odds of the second class, for columns moved into their bounds. Shapes: (n, d) to (n,)."""
        check_is_fitted(self, "coef_")
        values = validate_data(self, X, reset=False, **_AS_FLOATS)
        low, high = self._limits()
        return np.asarray(np.clip(values, low, high) @ self.coef_[0] + self.intercept_[0], dtype=np.float64)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability of both classes. Shapes: (n, d) to (n, 2)."""
        margin = self.decision_function(X)
        positive = probabilities(np.ones(1), features=margin[:, None])
        return np.stack([1 - positive, positive], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likelier class of each row."""
        check_is_fitted(self, "coef_")
        return np.asarray(self.classes_[(self.decision_function(X) > 0).astype(int)])

    def _limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.bounds is None:
            raise InvalidParameter("bounds is None; give the public range of the columns, such as bounds=(0, 100)")
        pairs = np.asarray(self.bounds, dtype=np.float64)
        if pairs.shape == (2,):
            pairs = np.tile(pairs, (self.n_features_in_, 1))
        if pairs.shape != (self.n_features_in_, 2):
            raise InvalidParameter(
                f"bounds has shape {pairs.shape}; give one (low, high) pair, or one for each of "
                f"{self.n_features_in_} columns"
            )
        return pairs[:, 0], pairs[:, 1]

    def _encoder(self) -> Encoder:
        low, high = self._limits()
        return Encoder({f"x{i}": Interval(a, b) for i, (a, b) in enumerate(zip(low, high, strict=True))})

    def _two_classes(self, y: NDArray[Any]) -> NDArray[Any]:
        found = np.unique(y) if self.classes is None else np.asarray(self.classes)
        if len(found) != 2:
            raise InvalidParameter(
                f"Only binary classification is supported: y has {len(found)} classes; give the two with classes=[a, b]"
            )
        return found

    def _delta(self, units: float) -> float:
        return 0.1 / units if self.delta is None else float(self.delta)

    def _plan(self, units: float) -> FullBatchPlan:
        relation = Relation.REPLACE_ONE if self.expected_units is None else Relation.ADD_OR_REMOVE
        unit = ROW if self.account is None else self._unit_of(self.account, relation)
        noise = calibrate_noise(
            lambda sigma: step_events(sigma, steps=self.steps),
            relation=relation,
            epsilon=self.epsilon,
            delta=self._delta(units),
        )
        return FullBatchPlan("logistic regression", unit, relation, CLIP_NORM, noise, self.steps, units)

    @staticmethod
    def _unit_of(account: Account, relation: Relation) -> PrivacyUnit:
        """The account's unit, if this model protects it."""
        spec = account.spec
        if spec.unit.column is not None:
            raise InvalidParameter(
                f"account {account.name!r} protects a {spec.unit.describe()}, but this model protects single rows; "
                "use a study, which groups rows by their unit"
            )
        if spec.relation is not relation:
            wanted = "leave expected_units out" if relation is Relation.ADD_OR_REMOVE else "give expected_units"
            raise InvalidParameter(
                f"account {account.name!r} is under {spec.relation}; {wanted}, or use another account"
            )
        return spec.unit

    def _unscale(self, weights: NDArray[np.float64], encoder: Encoder) -> None:
        """Weights in the columns' own units: the encoding is affine, so this changes no prediction."""
        low, high = self._limits()
        scaled = weights / np.sqrt(len(encoder.columns) + 1)
        self.coef_ = (scaled[:-1] / ((high - low) / 2))[None, :]
        self.intercept_ = np.asarray([scaled[-1] - float(self.coef_[0] @ ((low + high) / 2))])


def _account_for(plan: FullBatchPlan, *, epsilon: float, delta: float) -> Account:
    """An account in memory that fits exactly one such plan."""
    return Ledger.in_memory().create_account(
        "one fit",
        unit=plan.unit,
        relation=plan.relation,
        epsilon=epsilon,
        delta=delta,
        composition=Composition.BASIC,
    )
