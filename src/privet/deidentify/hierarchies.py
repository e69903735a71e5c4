"""Hierarchies: ever coarser words for the values of a column, from the value itself to ``*``, which says nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.codes import as_number

ANYTHING = "*"


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """A hierarchy over the labels of one column.

    ``codes[l][label]`` numbers what a label is called at level l, ``names[l]`` are the words, and ``loss[l]`` says for
    each of them which share of the column's domain it covers beyond a single value: 0 for a value, 1 for ``*`` (the
    loss of Iyengar 2002, also called normalised certainty penalty).
    """

    codes: tuple[NDArray[np.int64], ...]
    names: tuple[tuple[Any, ...], ...]
    loss: tuple[NDArray[np.float64], ...]

    @property
    def height(self) -> int:
        return len(self.codes)

    def step(self, low: int, high: int) -> NDArray[np.int64]:
        """From the codes of one level to those of a higher one."""
        made = np.zeros(len(self.names[low]), dtype=np.int64)
        made[self.codes[low]] = self.codes[high]
        return made


class Hierarchy(Protocol):
    """Something that makes a ladder for the labels of a column."""

    def climb(self, labels: Sequence[Any]) -> Ladder: ...


@dataclass(frozen=True, slots=True)
class Bands:
    """Numbers in bands of ever larger ``widths`` from ``lowest`` on; each width a multiple of the one before.

    Limits are public and belong to the domain; what lies beyond is coded as the first or last band. ``whole`` numbers
    count their values, others measure their length.

    >>> Bands(widths=(5, 10), lowest=0, highest=99).climb([3, 42]).names[1]
    ('0-4', '40-44')
    """

    widths: tuple[float, ...]
    lowest: float
    highest: float
    whole: bool = True

    def __post_init__(self) -> None:
        wrong = any(wide % narrow for narrow, wide in itertools.pairwise(self.widths))
        if not self.widths or wrong or min(self.widths) <= 0 or not self.lowest < self.highest:
            raise InvalidParameter(
                f"widths {self.widths}, lowest {self.lowest}, highest {self.highest}: give widths above 0, each "
                "a multiple of the one before, and lowest below highest"
            )

    def climb(self, labels: Sequence[Any]) -> Ladder:
        numbers = [as_number(label) for label in labels]
        unclear = sum(number is None and label is not None for number, label in zip(numbers, labels, strict=True))
        if unclear:
            raise InvalidParameter(f"{unclear} values of the column are no numbers, so they have no band")
        rungs = [[self._band(number, width) for number in numbers] for width in self.widths]
        size = self.highest - self.lowest + (1 if self.whole else 0)
        shares = [self._share(width, size) for width in self.widths]
        return _ladder(labels, rungs, [dict.fromkeys(rung, share) for rung, share in zip(rungs, shares, strict=True)])

    def _share(self, width: float, size: float) -> float:
        width = min(width, size)
        return (width - 1) / max(1, size - 1) if self.whole else width / size

    def _band(self, number: float | None, width: float) -> str | None:
        if number is None:
            return None
        inside = min(max(number, self.lowest), self.highest if self.whole else np.nextafter(self.highest, self.lowest))
        low = self.lowest + (inside - self.lowest) // width * width
        high = min(low + width, self.highest + 1) - 1 if self.whole else min(low + width, self.highest)
        return f"{low:g}-{high:g}"


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Text, such as a postcode or an ISO date, cut to ever fewer first characters.

    >>> Prefixes(keep=(3, 1)).climb(["10042", "10617"]).names[1:]
    (('100**', '106**'), ('1**',), ('*',))
    """

    keep: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.keep or min(self.keep) < 1 or list(self.keep) != sorted(set(self.keep), reverse=True):
            raise InvalidParameter(f"keep is {self.keep}; give falling numbers of characters, at least 1")

    def climb(self, labels: Sequence[Any]) -> Ladder:
        rungs = [[None if label is None else f"{str(label)[:length]}**" for label in labels] for length in self.keep]
        return _ladder(labels, rungs, [_shares(rung) for rung in rungs])


@dataclass(frozen=True, slots=True)
class Tree:
    """A category tree: groups of groups of values, as nested mappings with lists of values at the ends.

    The domain is every value that the tree names, whether or not the column has it. Where branches differ in length,
    values of short ones go by their lowest group for longer.

    >>> Tree({"paid": ["private", "state"], "none": ["never"]}).climb(["state", "never"]).names[1]
    ('paid', 'none')
    """

    groups: Mapping[str, Any]
    _paths: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for value, path in _leaves(self.groups, ()):
            if value in self._paths:
                raise InvalidParameter("the tree names a value twice; give each one place")
            self._paths[value] = path

    def climb(self, labels: Sequence[Any]) -> Ladder:
        unknown = sum(label is not None and str(label) not in self._paths for label in labels)
        if unknown:
            raise InvalidParameter(f"the tree lacks {unknown} of the column's values; add them")
        depth = max(map(len, self._paths.values()))
        paths = {value: (path[:1] * (depth - len(path))) + path for value, path in self._paths.items()}
        rungs, shares = [], []
        for at in range(depth):
            rungs.append([None if label is None else paths[str(label)][at] for label in labels])
            shares.append(_shares([path[at] for path in paths.values()]))
        return _ladder(labels, rungs, shares)


@dataclass(frozen=True, slots=True)
class Suppression:
    """Only the value itself or nothing."""

    def climb(self, labels: Sequence[Any]) -> Ladder:
        return _ladder(labels, [], [])


def _ladder(labels: Sequence[Any], rungs: Sequence[Sequence[Any]], shares: Sequence[Mapping[Any, float]]) -> Ladder:
    """Put the values below and ``*`` above; what a level calls the same stays the same higher up."""
    words = [list(labels), *[list(rung) for rung in rungs], [ANYTHING] * len(labels)]
    known = [dict.fromkeys(labels, 0.0), *[dict(share) for share in shares], {ANYTHING: 1.0}]
    codes, names, loss = [], [], []
    for rung, share in zip(words, known, strict=True):
        place = {name: number for number, name in enumerate(dict.fromkeys(rung))}
        codes.append(np.array([place[name] for name in rung], dtype=np.int64))
        names.append(tuple(place))
        # A missing cell is called missing until everything is called anything, and loses nothing by it.
        loss.append(np.array([0.0 if name is None else share[name] for name in place]))
    for lower, upper in itertools.pairwise(codes):
        if len(set(zip(lower.tolist(), upper.tolist(), strict=True))) != len(set(lower.tolist())):
            raise InvalidParameter("two values with one word must share every coarser word; correct the hierarchy")
    return Ladder(tuple(codes), tuple(names), tuple(loss))


def _shares(rung: Sequence[Any]) -> dict[Any, float]:
    filled = [name for name in rung if name is not None]
    counts = {name: filled.count(name) for name in dict.fromkeys(filled)}
    return {name: (times - 1) / max(1, len(filled) - 1) for name, times in counts.items()}


def _leaves(groups: Any, path: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    if isinstance(groups, Mapping):
        return [leaf for name, below in groups.items() for leaf in _leaves(below, (str(name), *path))]
    if isinstance(groups, (list, tuple)) and path:
        return [(str(value), path) for value in groups]
    raise InvalidParameter("a tree is a mapping of group names to groups or to lists of values")
