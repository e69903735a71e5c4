"""A first policy for a table: what was found in each column, and what single values and combinations give away."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from privet.core.plugins import names
from privet.deidentify.classes import classes_of
from privet.deidentify.codes import Coded, Column, as_number, encode, encode_column
from privet.deidentify.column_finding import ColumnFinding
from privet.deidentify.evidence import is_a_date
from privet.deidentify.format import FAMILY as FORMATS
from privet.deidentify.policy import read_policy

# How coarse a draft may be: the finest is taken that leaves no more than this share of the rows in groups below k.
_STEPS, _MOST_RARE = 3, 0.25
_AGES, _PREFIXES, _DATES = (5, 10, 20), (3, 2, 1), ("month", "year", "decade")
# Numbers with more different values than this are put in about so many ranges; of text, values stay that so many share.
_MANY, _RANGES, _FREQUENT = 20, (20, 10, 5), (0.01, 0.03, 0.1)
# Together the values that stay must cover this share of the rows, or the column says nothing any more.
_COVER: Final = 0.5
# suppress_rare tries every set of its columns.
_MOST_COLUMNS: Final = 12
# Direct identifiers that nobody joins rows by.
_GONE = ("person_name", "street_address", "gps_coordinates", "coordinates")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to do with one column, and why; ``settings`` are those of the operator."""

    column: str
    operator: str
    settings: dict[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggestion for each column that needs one, and the columns whose rare combinations are blanked at the end.

    ``together`` are in the order of their worth: the last, which tells most apart, is blanked first.
    """

    suggestions: tuple[Suggestion, ...]
    together: tuple[str, ...]
    quasi_identifiers: tuple[str, ...]
    k: int


def suggest(
    table: Any, *, findings: tuple[ColumnFinding, ...], quasi_identifiers: Sequence[str] | None = None, k: int = 5
) -> Draft:
    """An operator for each column that identifies, alone or with others; columns that need none are left to be kept.

    ``quasi_identifiers`` are those that were found to be, if none are named.
    Guarantee: what the draft makes of this table is k-anonymous in the quasi-identifiers. Otherwise none: it is a
    draft, in which ranges of numbers and frequent values come from the data, so that limits that are publicly known
    must replace them before the policy itself may be shown to others.
    """
    known = [found.column for found in findings if found.role == "quasi-identifier"]
    direct = {found.column for found in findings if found.direct}
    columns = [name for name in (known if quasi_identifiers is None else quasi_identifiers) if name not in direct]
    by_name = {found.column: found for found in findings}
    alone = [_identifier(found) for found in findings if found.direct]
    if not columns:
        return Draft(tuple(alone), (), (), k)
    coded = encode(table, columns=columns)
    for step in range(_STEPS):
        made = {name: _generalised(by_name.get(name), name, coded, step) for name in columns}
        treated = _treated(coded, made)
        if _rare(treated, k) <= _MOST_RARE:
            break
    worth = sorted(treated.columns, key=lambda name: treated.columns[name].levels)
    dropped = [Suggestion(name, "drop", {}, f"one of more than {_MOST_COLUMNS} columns that others may know, and the "
                          "one that tells most apart") for name in worth[_MOST_COLUMNS:]]  # fmt: skip
    kept = [item for item in made.values() if item is not None and item.column not in worth[_MOST_COLUMNS:]]
    return Draft((*alone, *kept, *dropped), tuple(worth[:_MOST_COLUMNS]), tuple(columns), k)


def policy_toml(draft: Draft, *, title: str) -> str:
    """The draft as a policy file."""
    lines = [
        f"# A draft for {title}: read each line, and state limits of ranges from public knowledge.",
        'others = "keep"',
    ]
    for item in draft.suggestions:
        lines += ["", f"# {item.why}", f"[columns.{_toml(item.column)}]", f'operator = "{item.operator}"']
        lines += [f"{name} = {_toml(value)}" for name, value in item.settings.items()]
    if draft.quasi_identifiers:
        lines += ["", "# what others may know, for the risk report of what leaves", "[risk]",
                  f"quasi_identifiers = {_toml(list(draft.quasi_identifiers))}"]  # fmt: skip
    if draft.together:
        lines += ["", f"# afterwards each combination of these is shared by {draft.k} rows or more",
                  "[[together]]", 'operator = "suppress_rare"', f"k = {draft.k}",
                  f"columns = {_toml(list(draft.together))}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(part)}" for name, part in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _identifier(found: ColumnFinding) -> Suggestion:
    """Direct identifiers: gone, or another of the same form, or a token that rows can still be joined by."""
    why = f"identifies by itself: {found.label}"
    if found.kind == "free_text":
        return Suggestion(found.column, "redact_text", {}, "text with identifiers in it; what none recognises stays")
    if found.kind in _GONE:
        return Suggestion(found.column, "drop", {}, why)
    if found.kind in names(FORMATS):
        return Suggestion(found.column, "format_preserving", {"kind": found.kind}, why)
    return Suggestion(found.column, "pseudonymise", {}, why)


def _generalised(found: ColumnFinding | None, name: str, coded: Coded, step: int) -> Suggestion | None:
    """A quasi-identifier made as coarse as a step says; None if it has few values as it is."""
    column, kind = coded.columns[name], found.kind if found is not None else None
    filled = [label for label in column.labels if label is not None]
    if kind in ("birth_date", "birth") and _mostly_dates(filled):
        day = datetime.date.today().replace(month=1, day=1)
        return Suggestion(name, "age_band", {"on": day, "width": _AGES[step]}, "a date of birth, with others, is one "
                          "person's")  # fmt: skip
    if _mostly_dates(filled):
        return Suggestion(name, "generalise_date", {"to": _DATES[step]}, "a day that others may know")
    if kind == "postcode":
        return Suggestion(name, "generalise_postcode", {"keep": _PREFIXES[step]}, "few people share a whole postcode")
    numbers = [number for number in map(as_number, filled) if number is not None and math.isfinite(number)]
    if len(numbers) < len(filled):
        return _frequent(name, column, coded, step)
    if kind == "age" and numbers and min(numbers) >= 0 and max(numbers) <= 130:
        settings = {"width": _AGES[step], "lowest": 0, "highest": 90}
        return Suggestion(name, "generalise_number", settings, "an age, with others, is few people's")
    return _ranges(name, numbers, step)


def _mostly_dates(labels: list[Any]) -> bool:
    some = labels[:: max(1, len(labels) // 200)]
    return bool(some) and sum(is_a_date(str(label)) for label in some) >= 0.9 * len(some)


def _ranges(name: str, numbers: list[float], step: int) -> Suggestion | None:
    if len(numbers) <= _MANY:
        return None
    width = _round_width((max(numbers) - min(numbers)) / _RANGES[step])
    lowest, highest = math.floor(min(numbers) / width) * width, math.ceil(max(numbers) / width) * width
    settings = {"width": width, "lowest": lowest, "highest": max(highest, lowest + width)}
    return Suggestion(name, "generalise_number", settings, f"a number with {len(numbers)} different values")


def _frequent(name: str, column: Column, coded: Coded, step: int) -> Suggestion | None:
    """Only frequent values keep their name, and only these stand in the draft; the rest are one."""
    counts = np.bincount(column.codes, weights=coded.counts, minlength=column.levels)
    least = _FREQUENT[step] * coded.rows
    often = [str(label) for label, times in zip(column.labels, counts, strict=True)
             if label is not None and times >= least]  # fmt: skip
    rare = sum(label is not None for label in column.labels) - len(often)
    if not rare:
        return None
    if counts[counts >= least].sum() < _COVER * coded.rows:
        return Suggestion(name, "drop", {}, "hardly two people have the same value")
    return Suggestion(name, "generalise_category", {"tree": {label: [label] for label in often}, "other": "*"},
                      f"{rare} of its values are rare")  # fmt: skip


def _treated(coded: Coded, made: dict[str, Suggestion | None]) -> Coded:
    """What the columns would be: each operator treats the labels, and codes follow; dropped ones are gone."""
    import pandas

    columns = {}
    for name, item in made.items():
        column = coded.columns[name]
        if item is None:
            columns[name] = column
        elif item.operator != "drop":
            operator = read_policy({"columns": {name: {"operator": item.operator, **item.settings}}}).operator(name)
            after = encode_column(operator.apply(pandas.Series(list(column.labels), dtype=object), key=bytes(32)))
            columns[name] = Column(after.codes[column.codes], after.labels)
    return Coded(coded.rows, columns, coded.counts)


def _rare(coded: Coded, k: int) -> float:
    """The share of rows in groups below k."""
    if not coded.columns:
        return 0.0
    sizes = classes_of(coded, quasi_identifiers=list(coded.columns)).sizes
    return float(sizes[sizes < k].sum() / max(1, coded.rows))


def _round_width(width: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ... or of their thousandth parts."""
    power = 10.0 ** math.floor(math.log10(width))
    made = next(step * power for step in (1, 2, 5, 10) if step * power >= width * 0.999)
    return int(made) if made >= 1 else made
