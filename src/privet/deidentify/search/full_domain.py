"""The best full-domain generalisation: one level for each column, found exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Classes, Model, all_meet, cells_of, class_of_each_row, searchable
from privet.deidentify.codes import Coded, Column, encode
from privet.deidentify.hierarchies import Hierarchy, Ladder
from privet.deidentify.models.k_anonymity import KAnonymity
from privet.deidentify.search.groups import Groups, Levels, Steps, joined

# More nodes than this would not fit in memory beside each other.
LARGEST_LATTICE = 20_000_000
# Classes of so many evaluated nodes are kept to make coarser ones from.
_KEPT = 200
# How far above a node is looked first; the node itself comes last.
_AHEAD = (4, 2, 1, 0)


@dataclass(frozen=True, slots=True)
class FullDomain:
    """The level of each column, the rows that must be left out, and the mean loss of a cell (a row left out loses all).

    ``evaluated`` nodes of ``lattice`` were needed to know that none is better.
    """

    levels: dict[str, int]
    suppressed: int
    loss: float
    lattice: int
    evaluated: int


def best_full_domain(
    table: Any,
    *,
    hierarchies: Mapping[str, Hierarchy],
    k: int,
    suppress: float,
    models: Sequence[Model] = (),
    sensitive: str | None = None,
) -> FullDomain:
    """Find the levels with the smallest loss at which at most a share ``suppress`` of the rows must be left out.

    Rows are left out whose class is below k, or does not meet one of the ``models``, which judge what it holds of the
    ``sensitive`` column beside the whole table, left out rows included.
    Guarantee: in the table that ``generalised`` makes of it every class meets k and the models, and no choice of levels
    has a smaller loss. Which levels were chosen depends on the data.

    With base(x) the loss of generalising alone at node x, and extra(x) what leaving out rows adds, classes that are too
    small at y are too small at each x below, where they lose less by generalising: extra(x) >= extra(y). So every
    evaluated node bounds all below it from below; nodes are visited by the bound, and one above is evaluated first
    where it may rule out many. This holds of k and of every model that a class meets as soon as a part of it does
    (distinct l). Others hold only of a class whose parts all meet them, so that a row left out at y may stay at x: they
    bound what is below only where no row may be left out, and else no node but their own.
    Errors: InvalidParameter if k or ``suppress`` cannot be, a column is missing, a model needs a sensitive column or
    the lattice is too large; or if no node will do, as in a table of fewer than k rows.
    Reference: Sweeney 2002 and Samarati 2001 (model), El Emam et al. 2009 (optimality), Kohlmayer et al. 2012
    (pruning), 2014 (models that are not monotone).

    >>> from privet.deidentify.hierarchies import Bands
    >>> ages = Bands(widths=(10, 20), lowest=0, highest=99)
    >>> best_full_domain({"age": [31, 35, 52, 58]}, hierarchies={"age": ages}, k=2, suppress=0).levels
    {'age': 1}
    """
    held: tuple[Model, ...] = (KAnonymity(k), *searchable(models))
    if not 0 <= suppress <= 1:
        raise InvalidParameter(f"suppress is {suppress}; give a share from 0 to 1")
    names = list(hierarchies)
    if sensitive in names:
        raise InvalidParameter(f"column {sensitive!r} is sensitive and has a hierarchy; choose one")
    last = [] if sensitive is None else [sensitive]
    coded = encode(table, columns=[*names, *last])
    ladders = ladders_of(coded, hierarchies)
    shape = tuple(ladder.height for ladder in ladders)
    if math.prod(shape) > LARGEST_LATTICE:
        raise InvalidParameter(f"{math.prod(shape):,} combinations of levels are too many; give fewer of them")
    secret = coded.columns[sensitive] if sensitive is not None else None
    groups = _distinct(coded, [*names, *last])
    levels_of_all = [*ladders, *([_whole(secret)] if secret is not None else [])]
    search = _Search(groups, levels_of_all, models=held, allowed=suppress * coded.rows, secret=secret)
    levels = search.run()
    if levels is None:
        raise InvalidParameter(
            f"{coded.rows} rows cannot be made {k}-anonymous{' under these models' if models else ''}; allow more "
            "suppression or a smaller k"
        )
    found = dict(zip(names, levels, strict=True))
    return FullDomain(found, search.suppressed, search.best, math.prod(shape), search.evaluated)


def ladders_of(coded: Coded, hierarchies: Mapping[str, Hierarchy]) -> list[Ladder]:
    """The ladder of each column; what a hierarchy cannot place is told with the column's name."""
    made = []
    for name, column in zip(hierarchies, coded.chosen(list(hierarchies)), strict=True):
        try:
            made.append(hierarchies[name].climb(column.labels))
        except InvalidParameter as error:
            raise InvalidParameter(f"column {name!r}: {error}") from None
    return made


class _Search:
    """The state of one search: bounds and verdicts for every node, and classes of those evaluated.

    A sensitive column is the last, with a ladder of one level, and counts in no loss.
    """

    def __init__(
        self, groups: Groups, ladders: Sequence[Ladder], *, models: Sequence[Model], allowed: float,
        secret: Column | None,
    ) -> None:  # fmt: skip
        self._ladders, self._allowed, self._cells = ladders, allowed, len(ladders) - (secret is not None)
        self._larger = [model for model in models if model.joins == "larger"]
        self._union = [model for model in models if model.joins != "larger"]
        # Where no row may be left out, every class must meet every model, and what holds of parts holds of the whole.
        self._monotone = not self._union or allowed < 1
        self._labels = () if secret is None else secret.labels
        self._rows = max(1, int(groups.counts.sum()))
        self._shape = tuple(ladder.height for ladder in ladders)
        self._overall = (
            None
            if secret is None
            else (np.bincount(groups.codes[-1], weights=groups.counts, minlength=secret.levels) / self._rows)
        )
        self._base = self._base_losses(groups)
        self._bound = self._base.copy()
        self._extra = np.zeros(self._shape)
        self._fits = np.zeros(self._shape, dtype=bool)
        self._steps = [Steps(ladder) for ladder in ladders]
        self._kept: list[Groups] = []
        self._levels_kept = np.zeros((_KEPT, len(ladders)), dtype=np.int64)
        self._sizes_kept = np.zeros(_KEPT)
        self._keep(groups)
        self.best, self.suppressed, self.evaluated = math.inf, 0, 0
        self._levels: Levels | None = None

    def run(self) -> Levels | None:
        while True:
            at = int(np.argmin(self._bound))
            node = tuple(int(level) for level in np.unravel_index(at, self._shape))
            if not self._bound[node] < self.best:
                return self._levels
            if self._fits[node] or not self._monotone or self._allowed >= self._rows:
                self._look_above(node)
            else:
                self._settle(node)

    def _look_above(self, node: Levels) -> None:
        """What a node above must leave out counts for all below it: it may rule out this one and many beside it."""
        chain = self._chain(node)
        for at in _AHEAD:
            if at < len(chain) and self._base[chain[at]] < self.best and math.isfinite(self._bound[chain[at]]):
                self._evaluate(chain[at])
            if not self._bound[node] < self.best:
                return

    def _settle(self, node: Levels) -> None:
        """Walk up from a node until rows fit: a binary search, as all nodes below a bad one are bad."""
        chain = self._chain(node)
        low, high = 0, len(chain) - 1
        while low <= high:
            middle = (low + high) // 2
            if self._fits[chain[middle]] or self._evaluate(chain[middle]):
                high = middle - 1
            else:
                low = middle + 1

    def _chain(self, node: Levels) -> list[Levels]:
        """From a node to the top by the smallest losses: where the best one must be, if it is above."""
        chain, top = [node], tuple(size - 1 for size in self._shape)
        while chain[-1] != top:
            ups = [(*chain[-1][:i], level + 1, *chain[-1][i + 1 :]) for i, level in enumerate(chain[-1])
                   if level < top[i]]  # fmt: skip
            chain.append(min(ups, key=lambda up: float(self._base[up])))
        return chain

    def _evaluate(self, node: Levels) -> bool:
        """Whether the rows fit; bounds and verdicts of all nodes above or below are drawn from it."""
        self.evaluated += 1
        groups = self._groups(node)
        classes, at = groups.classes(self._overall, self._labels)
        below = tuple(slice(0, level + 1) for level in node)
        surely = ~all_meet(self._larger, classes)
        if int(classes.sizes[surely].sum()) > self._allowed:
            self._bound[below] = np.inf
            return False
        lost = self._lost(groups, classes, at, surely)
        self._bound[below] = np.maximum(self._bound[below], self._base[below] + lost)
        self._bound[node] = np.inf
        small = surely | ~all_meet(self._union, classes) if self._union else surely
        out = int(classes.sizes[small].sum())
        if out > self._allowed:
            if self._monotone:
                self._bound[below] = np.inf
            return False
        self._fits[tuple(slice(level, None) for level in node)] = True
        loss = float(self._base[node]) + (self._lost(groups, classes, at, small) if self._union else lost)
        if loss < self.best:
            self.best, self.suppressed, self._levels = loss, out, node[: self._cells]
        return True

    def _lost(self, groups: Groups, classes: Classes, at: NDArray[np.int64], small: NDArray[np.bool_]) -> float:
        """What it adds to the loss to leave some classes out: all that generalising had kept of them."""
        steps = zip(self._ladders[: self._cells], groups.levels, groups.codes, strict=False)
        kept = sum(ladder.loss[level][codes[at[small]]] for ladder, level, codes in steps) / self._cells
        return float((classes.sizes[small] * (1 - kept)).sum() / self._rows)

    def _groups(self, node: Levels) -> Groups:
        """Made from the evaluated node below it that has the fewest classes."""
        below = (self._levels_kept[: len(self._kept)] <= node).all(axis=1)
        source = self._kept[int(np.argmin(np.where(below, self._sizes_kept[: len(self._kept)], np.inf)))]
        made = source.raised(node, self._steps)
        if len(self._kept) < _KEPT and len(made.counts) * 10 <= len(source.counts) * 9:
            self._keep(made)
        return made

    def _keep(self, groups: Groups) -> None:
        self._levels_kept[len(self._kept)] = groups.levels
        self._sizes_kept[len(self._kept)] = len(groups.counts)
        self._kept.append(groups)

    def _base_losses(self, groups: Groups) -> NDArray[np.float64]:
        base = np.zeros(self._shape)
        for at, ladder in enumerate(self._ladders[: self._cells]):
            weights = np.bincount(groups.codes[at], weights=groups.counts, minlength=len(ladder.names[0]))
            rungs = zip(ladder.codes, ladder.loss, strict=True)
            means = [float((weights * loss[codes]).sum()) for codes, loss in rungs]
            base += np.reshape(means, [-1 if i == at else 1 for i in range(len(self._shape))])
        made: NDArray[np.float64] = base / (self._cells * self._rows)
        return made


def _whole(column: Column) -> Ladder:
    """A ladder of one level: a column that is never generalised."""
    return Ladder((np.arange(column.levels),), (column.labels,), (np.zeros(column.levels),))


def _distinct(coded: Coded, names: Sequence[str]) -> Groups:
    columns = coded.chosen(names)
    codes = np.stack([column.codes.astype(np.int64) for column in columns])
    key, size = np.zeros(coded.entries, dtype=np.int64), 1
    for column, code in zip(columns, codes, strict=True):
        if size * column.levels >= 2**62:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
            size = int(key.max(initial=0)) + 1
        key, size = key * column.levels + code, size * column.levels
    first, counts = joined(key, size, np.ones(coded.rows, dtype=np.int64) if coded.counts is None else coded.counts)
    return Groups((0,) * len(names), codes[:, first], counts)


def classes_at(
    coded: Coded, names: Sequence[str], ladders: Sequence[Ladder], levels: Levels
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row the number of its class at these levels, and the size of each class."""
    raised = {
        name: Column(ladder.codes[level][column.codes], ladder.names[level])
        for name, column, ladder, level in zip(names, coded.chosen(names), ladders, levels, strict=True)
    }
    return class_of_each_row(Coded(coded.rows, raised, coded.counts), quasi_identifiers=names)


def kept_classes(
    coded: Coded, of_row: NDArray[np.int64], sizes: NDArray[np.int64], *, models: Sequence[Model], sensitive: str | None
) -> NDArray[np.bool_]:
    """Which of some numbered classes meet all models."""
    if sensitive is None:
        return all_meet(models, Classes(sizes))
    secret = coded.chosen([sensitive])[0]
    return all_meet(models, cells_of(of_row, len(sizes), sensitive=secret, counts=coded.counts))
