"""``privet detect``: which identifiers a file holds, a table or a text. For the owner of the data."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from privet.cli.display import Json, emit_json, table
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.deidentify.text_files import Located

TABLES = (".csv", ".csv.gz", ".parquet", ".pq")


def detect(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A table (CSV, Parquet), any text file, or - .")],
    kind: Annotated[list[str] | None, typer.Option(help="In text: look for this kind only; repeat.")] = None,
    show: Annotated[bool, typer.Option("--show", help="In text: print what was found itself, too.")] = False,
    policy: Annotated[Path | None, typer.Option(help="In tables: a policy whose roles overrule those found.")] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 1 if identifiers were found.")] = False,
    as_json: Json = False,
) -> None:
    """Which columns of a table identify, or where in a text identifiers stand. Read from the data, no guarantee.

    Example: privet detect people.csv, or: privet detect letter.txt --kind email, or: journalctl | privet detect -
    """
    if source.name.endswith(TABLES):
        if kind or show:
            raise InvalidParameter("--kind and --show are for text; a table shows columns and never a cell")
        found = _columns(source, policy, as_json)
    else:
        if policy is not None:
            raise InvalidParameter("--policy is for tables; a text has no columns")
        found = _places(source, tuple(kind) if kind else None, show, as_json)
    if fail and found:
        raise typer.Exit(1)


def _columns(source: Path, policy: Path | None, as_json: bool) -> bool:
    """Show what each column holds; whether one identifies by itself."""
    from privet.deidentify.detect import find_in_table
    from privet.deidentify.policy import load_policy
    from privet.study.tables import column_names, read_table

    column_names(source)
    found = find_in_table(read_table(source))
    found = load_policy(policy).overrule(found) if policy is not None else found
    if as_json:
        emit_json([item.to_json() for item in found])
    else:
        rows = [(item.column, item.kind or "-", item.role, f"{item.share:.1%}" if item.kind else "-", item.why)
                for item in found]  # fmt: skip
        table(f"Columns of {source.name}", columns=["column", "kind", "role", "cells", "why"], rows=rows)
    return any(item.direct for item in found)


def _places(source: Path, kinds: tuple[str, ...] | None, show: bool, as_json: bool) -> bool:
    """Print each finding as it is met, so that memory does not grow with the text; whether there was one."""
    from privet.deidentify.text_files import find_in_stream

    counts: Counter[str] = Counter()
    with _opened(source) as stream:
        if as_json:
            typer.echo('{"findings": [')
        for found in find_in_stream(stream, kinds=kinds):
            typer.echo(_as_json(found, show, first=not counts) if as_json else _as_text(source, found, show))
            counts[found.kind] += 1
    if as_json:
        typer.echo(f'], "counts": {json.dumps(dict(counts.most_common()))}}}')
    elif counts:
        table("Found in all", columns=["kind", "count"], rows=counts.most_common())
    else:
        typer.echo("nothing was found; what has no form, checksum or word beside it may still be there")
    return bool(counts)


def _as_json(found: Located, show: bool, *, first: bool) -> str:
    return f"{'' if first else ','}{json.dumps(found.to_json(show=show), ensure_ascii=False)}"


def _as_text(source: Path, found: Located, show: bool) -> str:
    line = f"{source}:{found.line}:{found.start}-{found.end - 1}: {found.kind} ({found.score:.2f})"
    return f"{line} {found.text!r}" if show else line


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[TextIO]:
    """The text as it stands, line ends and all; bytes that are not UTF-8 count as one unknown character each."""
    if str(source) == "-":
        sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline="")  # type: ignore[union-attr]
        yield sys.stdin
        return
    try:
        stream = source.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise InvalidParameter(f"{source} cannot be read ({error.strerror}); give the path of a file, or -") from None
    with stream:
        yield stream
