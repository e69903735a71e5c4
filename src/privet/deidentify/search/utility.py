"""How much of a table is left: the usual measures of what generalising and leaving out rows cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.deidentify.classes import Model, searchable
from privet.deidentify.codes import Coded, encode
from privet.deidentify.hierarchies import Hierarchy, Ladder
from privet.deidentify.models.k_anonymity import KAnonymity
from privet.deidentify.search.accuracy import Accuracy, accuracy_at
from privet.deidentify.search.full_domain import classes_at, kept_classes, ladders_of


@dataclass(frozen=True, slots=True)
class Utility:
    """What is left. A row that is left out has lost everything.

    ``loss``: mean over cells of the share of the domain that the word covers, from 0 to 1; ``granularity``: 1 - loss
    (Iyengar 2002). ``precision``: 1 - mean level over height (Sweeney 2002). ``nonuniform_entropy``: the bits needed to
    find the values again, knowing how frequent they are, as a share of those if every cell were ``*`` (Gionis & Tassa
    2009). ``discernibility``: sum of squared class sizes, and the size of the table for each row left out (Bayardo &
    Agrawal 2005). ``average_class_size``: rows in each class over k, best at 1 (LeFevre et al. 2006).
    ``accuracy`` is that of a model trained on what is left, if a target was named.
    """

    loss: float
    granularity: float
    precision: float
    nonuniform_entropy: float
    discernibility: int
    average_class_size: float
    suppressed: int
    accuracy: Accuracy | None = None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def utility_of(
    table: Any,
    *,
    levels: Mapping[str, int],
    hierarchies: Mapping[str, Hierarchy],
    k: int,
    models: Sequence[Model] = (),
    sensitive: str | None = None,
    target: str | None = None,
) -> Utility:
    """Measure the table that ``generalised`` makes at these levels; ``target`` is a column that a model is to foretell.

    Errors: InvalidParameter if a column is missing or k cannot be.

    >>> from privet.deidentify.hierarchies import Bands
    >>> ages = {"age": Bands(widths=(10,), lowest=0, highest=99)}
    >>> found = utility_of({"age": [31, 35, 80]}, levels={"age": 1}, hierarchies=ages, k=2)
    >>> found.suppressed, found.discernibility, found.average_class_size
    (1, 7, 1.0)
    """
    held: tuple[Model, ...] = (KAnonymity(k), *searchable(models))
    names = list(levels)
    coded = encode(table, columns=[*names, *([sensitive] if sensitive is not None else [])]).each_row()
    ladders = ladders_of(coded, {name: hierarchies[name] for name in names})
    at = tuple(levels[name] for name in names)
    of_row, sizes = classes_at(coded, names, ladders, at)
    good = kept_classes(coded, of_row, sizes, models=held, sensitive=sensitive)
    kept = good[of_row]
    cells = list(zip(coded.chosen(names), ladders, at, strict=True))
    loss = _mean([np.where(kept, up.loss[h][up.codes[h]][column.codes], 1.0) for column, up, h in cells])
    climbed = _mean([np.where(kept, h / max(1, up.height - 1), 1.0) for _, up, h in cells])
    large, out = sizes[good], int((~kept).sum())
    return Utility(
        loss=loss,
        granularity=1 - loss,
        precision=1 - climbed,
        nonuniform_entropy=_entropy(coded, names, ladders, at, kept),
        discernibility=discernibility(large, suppressed=out),
        average_class_size=float(large.mean() / k) if len(large) else 0.0,
        suppressed=out,
        accuracy=accuracy_at(
            table, target=target, levels=levels, hierarchies=hierarchies, k=k, models=models, sensitive=sensitive
        )
        if target is not None
        else None,
    )


def discernibility(sizes: NDArray[np.int64], *, suppressed: int = 0) -> int:
    """Each row counts how many it cannot be told from; one that is left out counts the whole table."""
    return int((sizes**2).sum()) + suppressed * (int(sizes.sum()) + suppressed)


def _entropy(
    coded: Coded, names: Sequence[str], ladders: Sequence[Ladder], at: Sequence[int], kept: NDArray[np.bool_]
) -> float:
    """Sum over cells of -log2 P(value | word), over the same with every word ``*``."""
    lost = most = 0.0
    for column, ladder, level in zip(coded.chosen(names), ladders, at, strict=True):
        counts = np.bincount(column.codes, minlength=column.levels).astype(np.float64)
        words = np.bincount(ladder.codes[level], weights=counts)[ladder.codes[level]]
        there = np.maximum(counts, 1)
        word_bits, all_bits = np.log2(np.maximum(words, 1) / there), np.log2(max(1, coded.rows) / there)
        lost += float(np.where(kept, word_bits[column.codes], all_bits[column.codes]).sum())
        most += float(all_bits[column.codes].sum())
    return lost / most if most else 0.0


def _mean(columns: Sequence[NDArray[np.float64]]) -> float:
    return float(np.mean(columns)) if columns and len(columns[0]) else 0.0
