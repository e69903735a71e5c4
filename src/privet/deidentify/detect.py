"""Find identifiers in free text and in the columns of a table. What is found is told without the text itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from privet.core.errors import InvalidParameter
from privet.deidentify.column_finding import ColumnFinding
from privet.deidentify.evidence import Evidence, evidence_of
from privet.deidentify.finding import Finding
from privet.deidentify.frames import as_pandas
from privet.deidentify.recogniser import Recogniser, recognisers
from privet.deidentify.roles import Judged, by_name, by_uniqueness, by_values, key_by_name, plain
from privet.deidentify.scan import Scanner, chosen, narrow, scanner

__all__ = ["ColumnFinding", "Finder", "chosen_scanner", "find_in_table", "find_in_text", "finding_of"]

# A column is of a kind if at least this share of its filled cells is.
ENOUGH = 0.5
# Kinds that need a hint in the column's name need fewer cells to look the part: people write addresses in many ways.
ENOUGH_WITH_HINT = 0.3
# So many different cells are searched for identifiers inside them.
TEXTS = 500


class Finder(Protocol):
    """Recognisers of another library: what they find joins ours by the same rule."""

    def find(self, text: str) -> Sequence[Finding]: ...


def find_in_text(
    text: str, *, kinds: tuple[str, ...] | None = None, beside: Sequence[Finder] = ()
) -> tuple[Finding, ...]:
    """Every identifier of a text, from left to right; where two overlap, the surer one stays, then the longer.

    ``beside`` are recognisers of other libraries (``privet.deidentify.adapters``); ``kinds`` chooses among ours only.
    Guarantee: none; what has no form, checksum or word beside it is missed. Nothing leaves the process.
    Units: places are characters of the text as given, full-width or not.
    Errors: InvalidParameter if ``kinds`` names one that there is not.

    >>> [(f.kind, f.start, f.end) for f in find_in_text("身分證A123456789,請寄a.b@example.org")]
    [('taiwan_id', 3, 13), ('email', 16, 31)]
    """
    scan = chosen_scanner(kinds)
    if not beside:
        return scan.find(text)
    others = [found for finder in beside for found in finder.find(text)]
    return chosen([*scan.candidates(narrow(text)), *others])


def chosen_scanner(kinds: tuple[str, ...] | None) -> Scanner:
    """The scanner of some kinds, or of all. Errors: InvalidParameter if one of them is not known."""
    if kinds is None:
        return scanner()
    known = {item.name for item in recognisers()}
    unknown = [kind for kind in kinds if kind not in known]
    if unknown:
        raise InvalidParameter(f"{unknown[0]!r} is not a kind of identifier; there are: {', '.join(sorted(known))}")
    return scanner(frozenset(kinds))


def find_in_table(table: Any, *, sample_rows: int = 2000) -> tuple[ColumnFinding, ...]:
    """What each column of a table holds and which role it plays, by name, type, values and uniqueness together.

    Takes a table of pandas, Polars or Arrow, or a mapping of names to columns. Forms and values are judged on the
    first ``sample_rows`` filled cells, uniqueness on all.
    Guarantee: none; a role is a proposal that the policy may overrule. What is told is read from the data.
    Errors: InvalidParameter if the table is of no kind that is known.
    Reference: Regulation (EU) 2016/679 (GDPR), art. 4 and 9; 45 CFR 164.514(b)(2)(i) (HIPAA, Safe Harbor).

    >>> table = {"sex": ["m", "f"] * 20, "diagnosis": ["flu", "asthma"] * 20, "case": list(range(40))}
    >>> [(found.column, found.kind, found.role) for found in find_in_table(table)]
    [('sex', 'sex', 'quasi-identifier'), ('diagnosis', 'health', 'sensitive'), ('case', 'unique_key', 'identifier')]
    """
    frame = _frame(table)
    return tuple(finding_of(evidence_of(str(name), frame[name], sample_rows=sample_rows)) for name in frame.columns)


def _frame(table: Any) -> Any:
    if not isinstance(table, Mapping):
        return as_pandas(table)
    import pandas

    return pandas.DataFrame({name: pandas.Series(list(column)) for name, column in table.items()})


def finding_of(seen: Evidence) -> ColumnFinding:
    """What a column holds, from what was seen of it."""
    judged = _judge(seen)
    return ColumnFinding(seen.name, judged.kind, judged.label, judged.share, seen.unique, judged.role, judged.why)


def _judge(seen: Evidence) -> Judged:
    """Forms first, for they are surest; then the name; then values, and uniqueness where nothing else speaks."""
    form = _by_form(seen)
    if form is not None and form.role == "identifier":
        return form
    named = by_name(seen)
    sure = key_by_name(seen) or _free_text(seen, named=named is not None)
    if sure is not None or form is not None:
        return sure or form or plain(seen)
    if seen.form == "date":
        return by_values(seen) or plain(seen)
    return named or by_values(seen) or by_uniqueness(seen) or plain(seen)


def _by_form(seen: Evidence) -> Judged | None:
    best: tuple[float, float, Recogniser] | None = None
    for item in recognisers():
        hinted = item.hinted_by(seen.name)
        if not seen.filled or not (hinted or (item.in_text and not item.needs_context and item.cell is None)):
            continue
        share = seen.share(item.accepts)
        rank = (item.score + hinted, share, item)
        if share >= (ENOUGH_WITH_HINT if hinted else ENOUGH) and (best is None or rank[:2] > best[:2]):
            best = rank
    if best is None:
        return None
    item = best[2]
    why = f"{best[1]:.0%} of the cells have its form{' and checksum' if item.validate else ''}"
    why += f", and the column is named so ({seen.name})" if item.hinted_by(seen.name) else ""
    return Judged("identifier" if item.direct else "quasi-identifier", item.name, item.label, best[1], why)


def _free_text(seen: Evidence, *, named: bool) -> Judged | None:
    """Text with direct identifiers in it. Towns and companies have names of people in them: a named column may."""
    if seen.form != "text":
        return None
    direct = {item.name for item in recognisers() if item.direct and not (named and item.name == "person_name")}
    cells = list(seen.cells)[:TEXTS]
    inside = sum(any(found.kind in direct for found in find_in_text(cell)) for cell in cells) / len(cells)
    if inside <= 0.05:
        return None
    return Judged("identifier", "free_text", "text with identifiers in it", inside,
                  f"direct identifiers were found inside {inside:.0%} of different cells")  # fmt: skip
