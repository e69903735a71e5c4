"""Treat a file of any size piece by piece. Columns that an operator must see whole are held; nothing else is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from privet.core.errors import InvalidParameter
from privet.deidentify.detect import finding_of
from privet.deidentify.evidence import Evidence, evidence_of
from privet.deidentify.operators.drop import Drop
from privet.deidentify.operators.keep import Keep
from privet.deidentify.pieces import Sink, SourceFile
from privet.deidentify.policy import Policy
from privet.deidentify.tables import arrow, cells, frame_of, is_untouched, type_of
from privet.deidentify.transform import (
    apply_together,
    refuse_kept_identifiers,
    reverse_column,
    reversible_columns,
    treat_column,
)

# As many filled cells as find_in_table looks at, and so many that all differ are taken for a key.
_SAMPLE: Final = 2000
_DIFFERING: Final = 200_000


@dataclass(frozen=True, slots=True)
class TreatedFile:
    """What was written: rows, columns, and the SHA-256 of the file."""

    rows: int
    columns: tuple[str, ...]
    sha256: str


def whole_columns(policy: Policy, *, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that are held in memory whole, because an operator looks at all of their cells."""
    joint = {name for step in policy.together for name in step.columns}
    return tuple(name for name in names if name in joint or policy.operator(name).traits.looks_at == "column")


def deidentify_file(
    source: Path, sink: BinaryIO, *, name: str, policy: Policy, key: bytes,
    seen: Callable[[Any, Any], None] | None = None,
) -> TreatedFile:  # fmt: skip
    """Write a table's file, treated as the policy says, to a stream; ``name`` says whether as CSV or Parquet.

    ``seen`` is shown every piece, before and after.
    Guarantee: none, as of ``deidentify``, and the same cells. Memory holds one piece, and the ``whole_columns``.
    Errors: InvalidParameter as of ``deidentify``; what has gone into the stream by then is to be thrown away.
    """
    file = SourceFile(source)
    schema = file.schema()
    policy.check_columns(schema.names)
    held = _held(file, schema, policy, key)
    kept = [column for column in schema.names if not isinstance(policy.operator(column), Drop)]
    made = arrow().schema([(column, _type(policy, column, schema)) for column in kept])
    watch = _Watch(policy, schema.names)

    def treat(piece: Any, start: int) -> Any:
        watch.see(piece)
        frame = frame_of(piece)
        columns = {column: held[column].slice(start, piece.num_rows) if column in held
                   else _treated(piece, frame, column, made.field(column).type, policy, key)
                   for column in kept}  # fmt: skip
        treated = arrow().table(columns, schema=made)
        if seen is not None:
            seen(piece, treated)
        return treated

    written = _run(file, sink, name, made, treat)
    watch.judge()
    if any(len(column) != written.rows for column in held.values()):
        raise InvalidParameter(f"{source.name} changed while it was read; leave it alone and begin again")
    return written


def reverse_file(source: Path, sink: BinaryIO, *, name: str, policy: Policy, key: bytes) -> TreatedFile:
    """Write a treated table's file with its reversible pseudonyms turned back; the rest as it is.

    Errors: InvalidParameter as of ``reverse``.
    """
    file = SourceFile(source)
    schema = file.schema()
    back = reversible_columns(policy, names=schema.names)
    pa = arrow()
    made = pa.schema(
        [(column, pa.string() if column in back else schema.field(column).type) for column in schema.names]
    )

    def treat(piece: Any, start: int) -> Any:
        frame, columns = frame_of(piece.select(list(back))), {}
        for column in schema.names:
            columns[column] = piece.column(column) if column not in back else cells(
                reverse_column(frame, column, policy=policy, key=key), pa.string()
            )  # fmt: skip
        return pa.table(columns, schema=made)

    return _run(file, sink, name, made, treat)


def _run(file: SourceFile, sink: BinaryIO, name: str, made: Any, treat: Callable[[Any, int], Any]) -> TreatedFile:
    out = Sink(sink, path=Path(name), schema=made)
    for piece in file.pieces():
        out.write(treat(piece, out.rows))
    return TreatedFile(out.rows, tuple(made.names), out.close())


def _type(policy: Policy, column: str, schema: Any) -> Any:
    return type_of(policy, column, schema.field(column).type)


def _treated(piece: Any, frame: Any, column: str, wanted: Any, policy: Policy, key: bytes) -> Any:
    if is_untouched(policy, column):
        return piece.column(column)
    return cells(treat_column(frame, column, policy=policy, key=key), wanted)


def _held(file: SourceFile, schema: Any, policy: Policy, key: bytes) -> dict[str, Any]:
    """A first pass over the columns that must be seen whole, treated; the others are not read."""
    import pandas

    whole = whole_columns(policy, names=tuple(schema.names))
    if not whole:
        return {}
    persons = {policy.person(column) for column in whole} - {None}
    wanted = [column for column in schema.names if column in whole or column in persons]
    parts: dict[str, list[Any]] = {column: [] for column in whole}
    for piece in file.pieces(columns=wanted):
        frame = frame_of(piece)
        for column in whole:
            at_once = policy.operator(column).traits.looks_at == "column"
            parts[column].append(frame[column] if at_once else treat_column(frame, column, policy=policy, key=key))
    joined = pandas.DataFrame({column: _joined(part, column) for column, part in parts.items()})
    for column in whole:
        if policy.operator(column).traits.looks_at == "column":
            joined[column] = treat_column(joined, column, policy=policy, key=key)
    treated = apply_together(joined, policy=policy, key=key)
    return {column: cells(treated[column], _type(policy, column, schema)) for column in whole}


def _joined(parts: list[Any], column: str) -> Any:
    import pandas

    return pandas.concat(parts, ignore_index=True) if parts else pandas.Series([], name=column, dtype=object)


class _Watch:
    """Looks for direct identifiers in the columns that leave as they came, in as many cells as ``deidentify`` does.

    Of longer columns than ``_DIFFERING`` cells, only so many are held against each other.
    """

    def __init__(self, policy: Policy, names: list[str]) -> None:
        self._policy = policy
        self._columns = {name: _Watched(name) for name in names if _is_silent(policy, name)}

    def see(self, piece: Any) -> None:
        """Refuse as soon as enough cells of a column have been seen."""
        for name, watched in list(self._columns.items()):
            formed = len(watched.cells) >= _SAMPLE
            watched.add(piece.column(name).drop_null())
            if not formed and len(watched.cells) >= _SAMPLE:
                self._refuse(watched, whole=False)
            if watched.seen >= _DIFFERING:
                self._refuse(self._columns.pop(name), whole=True)

    def judge(self) -> None:
        """Judge what is left, at the end of the file."""
        for watched in self._columns.values():
            self._refuse(watched, whole=True)

    def _refuse(self, watched: _Watched, *, whole: bool) -> None:
        refuse_kept_identifiers((finding_of(watched.evidence(whole=whole)),), policy=self._policy)


class _Watched:
    """The first cells of a column, and a digest of each of many more, to tell whether they differ."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells: list[Any] = []
        self.seen = 0
        self._digests: list[Any] = []

    def add(self, column: Any) -> None:
        """See filled cells of an Arrow column."""
        import pandas

        self.cells += column.slice(0, max(0, _SAMPLE - len(self.cells))).to_pylist()
        part = pandas.Series(column.slice(0, _DIFFERING - self.seen).to_pylist())
        self._digests.append(pandas.util.hash_pandas_object(part, index=False).to_numpy())
        self.seen += len(part)

    def evidence(self, *, whole: bool) -> Evidence:
        """What was seen; before the end, that all differ says nothing."""
        import numpy as np
        import pandas

        found = evidence_of(self.name, pandas.Series(self.cells), sample_rows=_SAMPLE)
        if not whole or not self.seen:
            return dataclasses.replace(found, different=0.0, unique=0.0)
        counts = np.unique(np.concatenate(self._digests), return_counts=True)[1]
        unique = float((counts == 1).sum()) / self.seen
        return dataclasses.replace(found, filled=self.seen, different=len(counts) / self.seen, unique=unique)


def _is_silent(policy: Policy, name: str) -> bool:
    operator = policy.operator(name)
    return isinstance(operator, Keep) and not operator.reason.strip()
