"""What a generalised table still teaches: a model trained on it is tested on rows that nobody has touched."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Model, searchable
from privet.deidentify.codes import Coded, Column, as_number, encode
from privet.deidentify.hierarchies import Hierarchy, Ladder
from privet.deidentify.models.k_anonymity import KAnonymity
from privet.deidentify.search.full_domain import classes_at, kept_classes, ladders_of
from privet.deidentify.search.mondrian import Partition

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of untouched rows that a model gets right, by cross-validation.

    ``treated`` is the model trained on the treated rows, ``original`` the one trained on the rows as they were, and
    ``majority`` who always says the most frequent value. A treatment that leaves no row of a fold teaches its majority.
    """

    treated: float
    original: float
    majority: float
    folds: int

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def accuracy_at(
    table: Any,
    *,
    target: str,
    levels: Mapping[str, int],
    hierarchies: Mapping[str, Hierarchy],
    k: int,
    models: Sequence[Model] = (),
    sensitive: str | None = None,
    folds: int = 5,
) -> Accuracy:
    """Logistic regression on the table that ``generalised`` makes at these levels, for another column as ``target``.

    A word is what it stands for: a band of numbers its mean value, a group of categories each of them in equal parts.
    So the model takes rows as they are. Rows that the treatment leaves out are not trained on, but they are tested.
    Guarantee: none; it is read from the data.
    Errors: InvalidParameter if the target has a level, has one value only, or a column is missing.

    >>> from privet.deidentify.hierarchies import Bands
    >>> table = {"age": list(range(100)), "old": [age >= 50 for age in range(100)]}
    >>> ages = {"age": Bands(widths=(10,), lowest=0, highest=99)}
    >>> found = accuracy_at(table, target="old", levels={"age": 1}, hierarchies=ages, k=5)
    >>> found.treated > 0.9, found.majority
    (True, 0.5)
    """
    held: tuple[Model, ...] = (KAnonymity(k), *searchable(models))
    names = list(levels)
    coded = encode(table, columns=[*names, target, *([sensitive] if sensitive else [])]).each_row()
    ladders = ladders_of(coded, {name: hierarchies[name] for name in names})
    of_row, sizes = classes_at(coded, names, ladders, tuple(levels.values()))
    kept = kept_classes(coded, of_row, sizes, models=held, sensitive=sensitive)[of_row]
    steps = zip(coded.chosen(names), ladders, levels.values(), strict=True)
    treated = [_raised(column, ladder, level) for column, ladder, level in steps]
    return _validated(coded, names, target, treated, kept, folds)


def accuracy_in(table: Any, partition: Partition, *, target: str, folds: int = 5) -> Accuracy:
    """The same for a table with the ranges of a partition in its columns."""
    names = list(partition.columns)
    coded = encode(table, columns=[*names, target]).each_row()
    treated = [_ranged(column, partition.low[at], partition.high[at])[partition.of_row]
               for at, column in enumerate(coded.chosen(names))]  # fmt: skip
    return _validated(coded, names, target, treated, np.ones(coded.rows, dtype=bool), folds)


def _validated(
    coded: Coded, names: list[str], target: str, treated: list[Array], kept: NDArray[np.bool_], folds: int
) -> Accuracy:
    if target in names:
        raise InvalidParameter(f"the target {target!r} is one of the generalised columns; name another")
    truth = coded.chosen([target])[0].codes
    if len(np.unique(truth)) < 2 or not 2 <= folds <= coded.rows:
        raise InvalidParameter(f"folds is {folds}; give 2 or more, and a target of more than one value")
    original = np.hstack([_features(column)[column.codes] for column in coded.chosen(names)])
    changed, fold = np.hstack(treated), _folds(truth, folds)
    right = np.zeros(3)
    for number in range(folds):
        test, train = fold == number, fold != number
        for at, (rows, features) in enumerate([(train & kept, changed), (train, original), (train, None)]):
            right[at] += (_trained(features, truth, rows, train, original[test]) == truth[test]).sum()
    shares = right / coded.rows
    return Accuracy(float(shares[0]), float(shares[1]), float(shares[2]), folds)


def _trained(
    features: Array | None, truth: NDArray[Any], rows: NDArray[np.bool_], train: NDArray[np.bool_], asked: Array
) -> Any:
    """What a model trained on some rows says; without features or a second value to learn, the most frequent one."""
    from sklearn.linear_model import LogisticRegression

    known = truth[rows] if rows.any() else truth[train]
    values, counts = np.unique(known, return_counts=True)
    if features is None or len(values) < 2 or not rows.any():
        return values[np.argmax(counts)]
    return LogisticRegression(max_iter=1000).fit(features[rows], known).predict(asked)


def _folds(truth: NDArray[Any], folds: int) -> NDArray[np.int64]:
    """Rows of each value are dealt out in turn: every fold has its share of each, and nothing is left to chance."""
    order = np.argsort(truth, kind="stable")
    made = np.empty(len(truth), dtype=np.int64)
    made[order] = np.arange(len(truth)) % folds
    return made


def _features(column: Column) -> Array:
    """What a model is told of each label: a number between 0 and 1 and whether it is missing, or a place for each."""
    numbers = [as_number(label) for label in column.labels if label is not None]
    known = np.array([number for number in numbers if number is not None])
    if not len(known) or len(known) < len(numbers) or not np.isfinite(known).all():
        return np.eye(column.levels)
    made = np.zeros((column.levels, 2))
    made[: len(known), 0] = (known - known.min()) / max(float(np.ptp(known)), 1e-300)
    made[len(known) :] = (made[: len(known), 0].mean(), 1.0)
    return made


def _raised(column: Column, ladder: Ladder, level: int) -> Array:
    """Features of each row at a level: the mean of those of the labels that its word covers."""
    features, words = _features(column), ladder.codes[level]
    sums = np.zeros((len(ladder.names[level]), features.shape[1]))
    np.add.at(sums, words, features)
    made: Array = (sums / np.bincount(words, minlength=len(sums))[:, None])[words[column.codes]]
    return made


def _ranged(column: Column, low: NDArray[np.int64], high: NDArray[np.int64]) -> Array:
    """Features of each class: the mean of those of the labels in its range."""
    features = _features(column)
    sums = np.vstack([np.zeros(features.shape[1]), np.cumsum(features, axis=0)])
    made: Array = (sums[high + 1] - sums[low]) / (high - low + 1)[:, None]
    return made
