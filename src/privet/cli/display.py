"""How results are shown: JSON for machines, tables for people."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def emit_json(body: Any) -> None:
    """Print a value as JSON; infinity, which JSON lacks, becomes null."""
    typer.echo(json.dumps(_finite(body), indent=2, ensure_ascii=False, default=str))


def table(title: str, *, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; on a narrow terminal cells wrap, they are never cut."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*[str(cell) for cell in row])
    Console().print(shown)


def number(value: float | None, *, digits: int = 4) -> str:
    """A number for people, or what its absence means."""
    if value is None:
        return "-"
    return "no bound" if math.isinf(value) else f"{value:.{digits}g}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
