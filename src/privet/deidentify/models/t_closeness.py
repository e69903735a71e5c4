"""t-closeness: how far the sensitive values of each class are from those of the whole table, as earth is moved."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Cells, Classes, Joins

_KINDS = ("equal", "ordered", "hierarchical")
# Distances are sums of shares: a class exactly at t must not fail by their last bit.
_ROUNDING = 1e-12


def equal_distance(classes: Classes) -> NDArray[np.float64]:
    """All values are equally far from each other: the total variation distance (Li et al. 2007, section 5)."""
    cells = classes.cells()
    return _variation(cells.of_class, cells.value, cells.count, classes.sizes, cells.overall)


def ordered_distance(classes: Classes) -> NDArray[np.float64]:
    """Values lie evenly on a line, in their order: the mean gap of the cumulative shares over m - 1 steps.

    Values that a class lacks are not visited: between two that it has, its cumulative share Q is constant while that of
    the table, P, rises, so that the sum of |Q - P| needs only where P passes Q and sums of P.
    """
    cells, m = classes.cells(), len(classes.cells().overall)
    if m < 2 or not len(cells.count):
        return np.zeros(len(classes.sizes))
    P = np.cumsum(cells.overall)
    summed = np.append(0.0, np.cumsum(P))
    Q = _within_class(cells, cells.count / classes.sizes[cells.of_class])
    last = np.append(cells.of_class[1:] != cells.of_class[:-1], True)
    following = np.where(last, m, np.append(cells.value[1:], m))
    passed = np.clip(np.searchsorted(P, Q), cells.value, following)
    below = Q * (passed - cells.value) - (summed[passed] - summed[cells.value])
    above = (summed[following] - summed[passed]) - Q * (following - passed)
    before = summed[cells.value[cells.starts]]
    made: NDArray[np.float64] = (before + np.add.reduceat(below + above, cells.starts)) / (m - 1)
    return made


def hierarchical_distance(classes: Classes, *, levels: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Values are leaves of a tree of height H; moving between two costs (height of where they meet) / H.

    ``levels[h][value]`` numbers the ancestor of a value at height h + 1; the last must be one root. With E(N) the
    excess of a node, min(positive, negative) excess of its children is (sum of |E(child)| - |E(N)|) / 2, so that the
    sum over nodes of Li et al. telescopes into the mean, over the heights below the root, of the total variation there.
    Errors: InvalidParameter if a level has another number of values, is no coarser than the one below, or has no root.
    """
    cells = classes.cells()
    maps = [np.arange(len(cells.overall)), *_checked(levels, len(cells.overall))]
    distances = [_at_height(classes, cells, map_) for map_ in maps[:-1]]
    made: NDArray[np.float64] = np.mean(distances, axis=0)
    return made


@dataclass(frozen=True, slots=True)
class TCloseness:
    """The sensitive values of each class are distributed as in the whole table, up to distance t.

    Guarantee: who knows the table's distribution learns little more about a person from the person's class. ``levels``
    is the tree of the hierarchical distance.
    Reference: Li, Li & Venkatasubramanian 2007, Definition 3 and section 5.
    """

    t: float
    distance: Literal["equal", "ordered", "hierarchical"] = "equal"
    levels: tuple[NDArray[Any], ...] = ()

    joins: ClassVar[Joins] = "union"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.t) and 0 <= self.t <= 1):
            raise InvalidParameter(f"t is {self.t!r}; give a number from 0 to 1")
        if self.distance not in _KINDS:
            raise InvalidParameter(f"distance is {self.distance!r}; give one of {', '.join(_KINDS)}")
        if (self.distance == "hierarchical") != bool(self.levels):
            raise InvalidParameter("levels are for the hierarchical distance, which needs them")

    def distances(self, classes: Classes) -> NDArray[np.float64]:
        """How far each class is from the table."""
        if self.distance == "hierarchical":
            return hierarchical_distance(classes, levels=self.levels)
        return ordered_distance(classes) if self.distance == "ordered" else equal_distance(classes)

    def meets(self, classes: Classes) -> NDArray[np.bool_]:
        """Whether each class is close enough."""
        return self.distances(classes) <= self.t + _ROUNDING


def _variation(of_class: NDArray[Any], value: NDArray[Any], count: NDArray[Any], sizes: NDArray[Any],
               overall: NDArray[Any]) -> NDArray[np.float64]:  # fmt: skip
    """Half of the sum of |q - p|; values that a class lacks add p each, and all p together are 1."""
    p = overall[value]
    differ = np.abs(count / sizes[of_class] - p) - p
    made: NDArray[np.float64] = (np.bincount(of_class, weights=differ, minlength=len(sizes)) + 1) / 2
    return made


def _within_class(cells: Cells, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running sums that begin anew in each class."""
    running = np.cumsum(shares)
    before = np.append(0.0, running)[cells.starts]
    made: NDArray[np.float64] = running - before[cells.of_class]
    return made


def _at_height(classes: Classes, cells: Cells, map_: NDArray[Any]) -> NDArray[np.float64]:
    nodes = int(map_.max()) + 1 if len(map_) else 1
    keys, at = np.unique(cells.of_class * nodes + map_[cells.value], return_inverse=True)
    count = np.bincount(at, weights=cells.count)
    overall = np.bincount(map_, weights=cells.overall, minlength=nodes)
    return _variation(keys // nodes, keys % nodes, count, classes.sizes, overall)


def _checked(levels: Sequence[NDArray[Any]], values: int) -> list[NDArray[np.int64]]:
    maps = [np.asarray(level, dtype=np.int64) for level in levels]
    if not maps or any(len(map_) != values for map_ in maps):
        raise InvalidParameter(
            f"each level must say the ancestor of each of the {values} values, missing ones included"
        )
    if len(np.unique(maps[-1])) > 1:
        raise InvalidParameter("the last level must be one root; give every value the same ancestor there")
    for lower, upper in itertools.pairwise(maps):
        if len(np.unique(lower * (int(upper.max()) + 1) + upper)) != len(np.unique(lower)):
            raise InvalidParameter("values that share an ancestor must share every higher one")
    return maps


MODEL = TCloseness
