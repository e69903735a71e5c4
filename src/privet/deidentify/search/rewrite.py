"""Write what a search found into a table: the columns it treated are replaced, rows that stand out are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter
from privet.deidentify.classes import Model, searchable
from privet.deidentify.codes import encode
from privet.deidentify.hierarchies import Hierarchy
from privet.deidentify.models.k_anonymity import KAnonymity
from privet.deidentify.search.full_domain import classes_at, kept_classes, ladders_of
from privet.deidentify.search.mondrian import Partition


def generalised(
    table: Any,
    *,
    levels: Mapping[str, int],
    hierarchies: Mapping[str, Hierarchy],
    k: int,
    models: Sequence[Model] = (),
    sensitive: str | None = None,
) -> Any:
    """The table at these levels without the rows whose class is below k or fails a model; the same kind comes out.

    Guarantee: it is k-anonymous in the columns that have a level, and its classes meet the models beside the
    distribution of the sensitive column in the table that was given. Other columns stay as they are: drop direct
    identifiers first.
    Errors: InvalidParameter if a column has a level and no hierarchy, or a level that its hierarchy does not reach.

    >>> from privet.deidentify.hierarchies import Bands
    >>> ages = {"age": Bands(widths=(10,), lowest=0, highest=99)}
    >>> generalised({"age": [31, 35, 80]}, levels={"age": 1}, hierarchies=ages, k=2)["age"].tolist()
    ['30-39', '30-39']
    """
    held: tuple[Model, ...] = (KAnonymity(k), *searchable(models))
    missing = [name for name in levels if name not in hierarchies]
    if missing:
        raise InvalidParameter(f"column {missing[0]!r} has a level and no hierarchy")
    names = list(levels)
    coded = encode(table, columns=[*names, *([sensitive] if sensitive is not None else [])])
    ladders = ladders_of(coded, {name: hierarchies[name] for name in names})
    for name, ladder in zip(names, ladders, strict=True):
        if not 0 <= levels[name] < ladder.height:
            raise InvalidParameter(
                f"column {name!r} has levels 0 to {ladder.height - 1}; {levels[name]} is none of them"
            )
    of_row, sizes = classes_at(coded, names, ladders, tuple(levels.values()))
    words = {}
    for name, ladder, column in zip(names, ladders, coded.chosen(names), strict=True):
        known = np.empty(len(ladder.names[levels[name]]), dtype=object)
        known[:] = ladder.names[levels[name]]
        words[name] = known[ladder.codes[levels[name]][column.codes]]
    kept = kept_classes(coded, of_row, sizes, models=held, sensitive=sensitive)
    return rewritten(table, words, kept=kept[of_row])


def partitioned(table: Any, partition: Partition) -> Any:
    """The table with the ranges of a partition in its columns; the same kind of table comes out."""
    words = {name: partition.words(name) for name in partition.columns}
    return rewritten(table, words, kept=np.ones(len(partition.of_row), dtype=bool))


def rewritten(table: Any, columns: Mapping[str, NDArray[Any]], *, kept: NDArray[np.bool_]) -> Any:
    """Some columns replaced and some rows left out, in a table of pandas, Polars or Arrow or a mapping of columns."""
    if isinstance(table, Mapping):
        return {name: columns[name][kept] if name in columns else np.asarray(table[name])[kept] for name in table}
    if hasattr(table, "loc"):
        return table.assign(**columns)[kept]
    if hasattr(table, "with_columns"):
        words = type(table)({name: list(column) for name, column in columns.items()})
        return table.with_columns(words.get_columns()).filter(kept.tolist())
    if hasattr(table, "set_column"):
        import pyarrow

        for name, column in columns.items():
            table = table.set_column(table.column_names.index(name), name, pyarrow.array(list(column)))
        return table.filter(pyarrow.array(kept))
    raise InvalidParameter(f"a {type(table).__name__} cannot be rewritten; give one of pandas, Polars or Arrow")
