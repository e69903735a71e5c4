"""Replace a category by one above it in a tree."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class GeneraliseCategory:
    """``level`` steps up from each category that the data hold; where the tree ends, its top.

    ``tree`` is a nested table, {top = {middle = ["leaf", ...]}}, or the path of a CSV file with a row for each
    category: it, what is above it, what is above that (separated by ; or ,). A relative path starts from the policy's
    folder. What the tree does not have becomes ``other``.
    """

    tree: Any = field(metadata={"path": True})
    level: int = 1
    other: str = "*"
    _above: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    traits: ClassVar[Traits] = Traits(gives="text")

    def __post_init__(self) -> None:
        if not 1 <= self.level <= 20:
            raise InvalidParameter(f"level is {self.level}; give 1 to 20 steps up")
        for path in _from_file(self.tree) if isinstance(self.tree, str) else _from_table(self.tree):
            above = path[min(self.level, len(path) - 1)]
            if self._above.setdefault(path[0], above) != above:
                raise InvalidParameter("tree has a category in two places; name each once")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return treat_distinct(column, lambda texts: [self._above.get(text.strip(), self.other) for text in texts])

    def describe(self) -> str:
        return f"generalised by {self.level} {'level' if self.level == 1 else 'levels'} of a tree"


def _from_table(tree: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way up from every leaf."""
    if isinstance(tree, Mapping):
        for name, below in tree.items():
            yield from _from_table(below, (str(name), *above))
    elif isinstance(tree, list) and above and all(isinstance(leaf, (str, int, float)) for leaf in tree):
        for leaf in tree:
            yield (str(leaf), *above)
    else:
        raise InvalidParameter('tree must be a table that ends in lists, such as {health = ["nurse", "doctor"]}')


def _from_file(name: str) -> Iterator[tuple[str, ...]]:
    try:
        lines = Path(name).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InvalidParameter(f"tree: there is no file {name} that can be read as UTF-8 text") from None
    separator = ";" if lines and ";" in lines[0] else ","
    for number, row in enumerate(csv.reader(lines, delimiter=separator), start=1):
        if row and len(row) < 2:
            raise InvalidParameter(f"tree: line {number} of {name} has one cell; give a category and what is above it")
        if row:
            yield tuple(cell.strip() for cell in row)


OPERATOR = GeneraliseCategory
