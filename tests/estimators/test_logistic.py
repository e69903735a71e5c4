"""DP logistic regression as scikit-learn users meet it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression as Plain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from privet.core.errors import BudgetRefused, InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation
from privet.estimators import LogisticRegression
from privet.ledger import Ledger
from privet.noise.simulation import generator

FRESH_NOISE = "two fits draw different noise, and must"


@parametrize_with_checks(
    [LogisticRegression(epsilon=1000, delta=1e-5, bounds=(-20, 20))],
    xfail_strict=False,  # by luck two noisy fits may agree on twelve rows
    expected_failed_checks=lambda estimator: {
        "check_classifier_data_not_an_array": FRESH_NOISE,
        "check_fit_idempotent": FRESH_NOISE,
    },
)
def test_scikit_learns_own_checks(estimator, check) -> None:
    check(estimator)


def data(count: int = 4000, seed: int = 1):
    chance = generator(seed)
    X = chance.uniform([0, -5], [10, 5], (count, 2))
    y = np.where(0.6 * X[:, 0] - X[:, 1] + chance.normal(size=count) > 3, "yes", "no")
    return X, y


BOUNDS = [(0, 10), (-5, 5)]


def test_it_comes_close_to_the_model_without_privacy() -> None:
    X, y = data()
    held, held_y = data(seed=2)
    ours = LogisticRegression(epsilon=2, delta=1e-6, bounds=BOUNDS).fit(X, y)
    plain = Plain().fit(X, y)
    assert ours.score(held, held_y) > plain.score(held, held_y) - 0.03
    assert ours.score(held, held_y) > 0.8


def test_predictions_agree_with_coefficients_and_probabilities() -> None:
    X, y = data(500)
    model = LogisticRegression(epsilon=5, delta=1e-5, bounds=BOUNDS).fit(X, y)
    margin = X @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.decision_function(X), margin)
    chances = model.predict_proba(X)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert ((chances[:, 1] > 0.5) == (model.predict(X) == model.classes_[1])).all()
    assert model.classes_.tolist() == ["no", "yes"]


def test_it_works_in_pipelines_and_clones() -> None:
    X, y = data(500)
    model = LogisticRegression(epsilon=5, delta=1e-5, bounds=BOUNDS, steps=20)
    assert clone(model).get_params() == model.get_params()
    fitted = make_pipeline(FunctionTransformer(), model).fit(X, y)
    assert fitted.predict(X[:3]).shape == (3,)


def test_the_fit_is_charged_to_the_account_and_refused_when_spent() -> None:
    X, y = data(500)
    account = Ledger.in_memory().create_account(
        "patients", unit=PrivacyUnit("row"), relation=Relation.REPLACE_ONE, epsilon=2.5, delta=1e-5
    )
    LogisticRegression(epsilon=1, delta=1e-7, bounds=BOUNDS, account=account).fit(X, y)
    claim = account.history()[0]
    assert claim.epsilon == pytest.approx(1, rel=1e-6)
    assert str(claim.state) == "committed"
    with pytest.raises(BudgetRefused):
        LogisticRegression(epsilon=4, delta=1e-7, bounds=BOUNDS, account=account).fit(X, y)
    assert len(account.history()) == 1


def test_the_receipt_states_what_was_asked() -> None:
    X, y = data(500)
    model = LogisticRegression(epsilon=1, delta=1e-6, bounds=BOUNDS).fit(X, y)
    assert model.receipt_.epsilon == pytest.approx(1, rel=1e-6)
    assert model.receipt_.epsilon <= 1
    assert model.receipt_.relation == "replace-one"
    added = LogisticRegression(epsilon=1, delta=1e-6, bounds=BOUNDS, expected_units=500).fit(X, y)
    assert added.receipt_.relation == "add-or-remove-one"


def test_accounts_that_it_cannot_keep_are_refused() -> None:
    X, y = data(100)
    ledger = Ledger.in_memory()
    people = ledger.create_account(
        "people",
        unit=PrivacyUnit("person", column="id", max_rows=3),
        relation=Relation.REPLACE_ONE,
        epsilon=1,
        delta=1e-5,
    )
    rows = ledger.create_account(
        "rows", unit=PrivacyUnit("row"), relation=Relation.ADD_OR_REMOVE, epsilon=1, delta=1e-5
    )
    with pytest.raises(InvalidParameter, match="single rows"):
        LogisticRegression(epsilon=1, bounds=BOUNDS, account=people).fit(X, y)
    with pytest.raises(InvalidParameter, match="expected_units"):
        # Under add-or-remove the number of rows is private and may not be divided by.
        LogisticRegression(epsilon=1, bounds=BOUNDS, account=rows).fit(X, y)
    assert ledger.account("rows").spent().claims == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bounds": None}, "bounds is None"),
        ({"bounds": (0, 1, 2)}, "shape"),
        ({"bounds": (1, 1)}, "lower first"),
        ({"bounds": BOUNDS, "epsilon": 0}, "above 0"),
        ({"bounds": BOUNDS, "classes": ["a", "b", "c"]}, "two"),
    ],
)
def test_wrong_settings_get_one_clear_error(settings: dict[str, object], words: str) -> None:
    X, y = data(60)
    with pytest.raises(InvalidParameter, match=words):
        LogisticRegression(**{"epsilon": 1, **settings}).fit(X, y)  # type: ignore[arg-type]


def test_one_class_and_wrong_width_are_refused() -> None:
    X, _ = data(60)
    with pytest.raises(InvalidParameter, match="classes"):
        LogisticRegression(epsilon=1, bounds=BOUNDS).fit(X, np.zeros(60))
    model = LogisticRegression(epsilon=1, bounds=BOUNDS).fit(*data(60))
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.zeros((2, 3)))


def test_values_outside_the_bounds_and_missing_ones_are_moved_inside() -> None:
    X, y = data(300)
    X[0, 0], X[1, 1] = 1e9, np.nan
    model = LogisticRegression(epsilon=3, delta=1e-5, bounds=BOUNDS).fit(X, y)
    assert np.isfinite(model.coef_).all()
    far, edge = np.array([[1e9, 0.0]]), np.array([[10.0, 0.0]])
    assert model.decision_function(far) == pytest.approx(model.decision_function(edge))
