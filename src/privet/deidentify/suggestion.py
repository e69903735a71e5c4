"""A first policy for a table: what was found in each column, and what single values of it give away."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from privet.deidentify.codes import Column, as_number, encode
from privet.deidentify.detect import ColumnFinding

# Direct identifiers that rows are joined by get a token; others are dropped.
_KEYS = ("unique_key", "taiwan_id", "china_id", "us_ssn")
# Numbers with more different values than this are put in ranges, about as many as the second figure says.
_MANY, _RANGES = 20, 10


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to do with one column, and why; ``settings`` are those of the operator."""

    column: str
    operator: str
    settings: dict[str, Any]
    why: str


def suggest(table: Any, *, findings: tuple[ColumnFinding, ...]) -> tuple[Suggestion, ...]:
    """An operator for each column that identifies; columns that need none are left to be kept.

    Guarantee: none. It is a draft: ranges of numbers are rounded outward from the data, so limits that are publicly
    known must replace them before the policy itself may be shown to others.
    """
    coded = encode(table)
    made = [_suggested(found, coded.columns.get(found.column)) for found in findings]
    return tuple(item for item in made if item is not None)


def policy_toml(suggestions: tuple[Suggestion, ...], *, title: str) -> str:
    """The suggestions as a policy file."""
    lines = [
        f"# A draft for {title}: read each line, and state limits of ranges from public knowledge.",
        'others = "keep"',
    ]
    for item in suggestions:
        lines += ["", f"# {item.why}", f"[columns.{json.dumps(item.column, ensure_ascii=False)}]"]
        lines.append(f'operator = "{item.operator}"')
        lines += [f"{name} = {json.dumps(value)}" for name, value in item.settings.items()]
    return "\n".join(lines) + "\n"


def _suggested(found: ColumnFinding, column: Column | None) -> Suggestion | None:
    if found.direct:
        if found.kind == "free_text":
            return Suggestion(found.column, "redact", {}, "text with identifiers in it")
        operator = "pseudonymise" if found.kind in _KEYS else "drop"
        return Suggestion(found.column, operator, {}, f"identifies by itself: {found.label}")
    if found.kind == "birth_date":
        return Suggestion(
            found.column, "generalise_date", {"to": "decade"}, "a date of birth, with others, is one person's"
        )
    if found.kind == "postcode":
        return Suggestion(found.column, "generalise_postcode", {"keep": 1}, "few people share a whole postcode")
    return None if column is None else _ranges(found.column, column)


def _ranges(name: str, column: Column) -> Suggestion | None:
    numbers = [as_number(label) for label in column.labels if label is not None]
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    if len(known) < len(numbers) or len(known) <= _MANY:
        return None
    width = _round_width((max(known) - min(known)) / _RANGES)
    lowest, highest = math.floor(min(known) / width) * width, math.ceil(max(known) / width) * width
    settings = {"width": width, "lowest": lowest, "highest": max(highest, lowest + width)}
    return Suggestion(name, "generalise_number", settings, f"a number with {len(known)} different values")


def _round_width(width: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ... or of their thousandth parts."""
    power = 10.0 ** math.floor(math.log10(width))
    made = next(step * power for step in (1, 2, 5, 10) if step * power >= width * 0.999)
    return int(made) if made >= 1 else made
