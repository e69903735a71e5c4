"""Find identifiers in free text and in the columns of a table. What is found is told without the text itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from privet.core.errors import InvalidParameter
from privet.deidentify.recogniser import Recogniser, recognisers
from privet.deidentify.scan import Finding, scanner

# A column is of a kind if at least this share of its filled cells is.
ENOUGH = 0.5
# Kinds that need a hint in the column's name need fewer cells to look the part: people write addresses in many ways.
ENOUGH_WITH_HINT = 0.3
# In fewer cells than this, all being different says nothing.
ENOUGH_CELLS = 20


@dataclass(frozen=True, slots=True)
class ColumnFinding:
    """What one column holds: ``kind`` None if nothing was recognised. ``share`` is of the filled cells.

    ``unique`` is the share of filled cells whose value no other cell has. Both are read from the data, so they leave
    only by a claim.
    """

    column: str
    kind: str | None
    label: str
    share: float
    unique: float
    direct: bool
    why: str = field(default="")

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def find_in_text(text: str, *, kinds: tuple[str, ...] | None = None) -> tuple[Finding, ...]:
    """Every identifier of a text, from left to right; where two overlap, the surer one stays, then the longer.

    Guarantee: none; what has no form, checksum or word beside it is missed. Nothing leaves the process.
    Units: places are characters of the text as given, full-width or not.
    Errors: InvalidParameter if ``kinds`` names one that there is not.

    >>> [(f.kind, f.start, f.end) for f in find_in_text("身分證A123456789,請寄a.b@example.org")]
    [('taiwan_id', 3, 13), ('email', 16, 31)]
    """
    if kinds is None:
        return scanner().find(text)
    known = {item.name for item in recognisers()}
    unknown = [kind for kind in kinds if kind not in known]
    if unknown:
        raise InvalidParameter(f"{unknown[0]!r} is not a kind of identifier; there are: {', '.join(sorted(known))}")
    return scanner(frozenset(kinds)).find(text)


def find_in_table(frame: Any, *, sample_rows: int = 2000) -> tuple[ColumnFinding, ...]:
    """What each column of a pandas table holds, judged by its name and its first ``sample_rows`` filled cells."""
    return tuple(_judge(str(name), frame[name], sample_rows) for name in frame.columns)


def _judge(name: str, column: Any, sample_rows: int) -> ColumnFinding:
    cells = [text for text in column.dropna().astype(str).head(sample_rows).str.strip() if text]
    unique = len(set(cells)) / len(cells) if cells else 0.0
    best: tuple[float, float, Recogniser] | None = None
    for item in recognisers():
        hinted = item.hinted_by(name)
        if not cells or not (hinted or (item.in_text and not item.needs_context and item.cell is None)):
            continue
        share = sum(item.accepts(text) for text in cells) / len(cells)
        rank = (item.score + hinted, share, item)
        if share >= (ENOUGH_WITH_HINT if hinted else ENOUGH) and (best is None or rank[:2] > best[:2]):
            best = rank
    if best is not None:
        item = best[2]
        why = f"cells have its form{' and checksum' if item.validate else ''}"
        why += f", and the column is named so ({name})" if item.hinted_by(name) else ""
        return ColumnFinding(name, item.name, item.label, best[1], unique, item.direct, why)
    return _unrecognised(name, cells, unique)


def _unrecognised(name: str, cells: list[str], unique: float) -> ColumnFinding:
    inside = sum(bool(find_in_text(text)) for text in cells[:500]) / max(1, min(500, len(cells)))
    if inside > 0.05:
        return ColumnFinding(
            name, "free_text", "text with identifiers in it", inside, unique, True, "found in free text"
        )
    numeric = all(_is_number(text) for text in cells[:200])
    if len(cells) >= ENOUGH_CELLS and unique > 0.95 and not (numeric and any("." in text for text in cells[:200])):
        return ColumnFinding(
            name, "unique_key", "nearly unique value", unique, unique, True, "almost every cell differs"
        )
    return ColumnFinding(name, None, "none found", 0.0, unique, False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
