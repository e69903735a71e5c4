"""``privet detect``: which identifiers a file holds. For the owner of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privet.cli.display import Json, emit_json, table


def detect(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or Parquet file.")], as_json: Json = False
) -> None:
    """Which columns hold identifiers. What this prints is read from the data and has no guarantee.

    Example: privet detect people.csv
    """
    from privet.deidentify.detect import find_in_table
    from privet.study.tables import column_names, read_table

    column_names(source)
    found = find_in_table(read_table(source))
    if as_json:
        emit_json([item.to_json() for item in found])
        return
    rows = [(item.column, item.kind or "-", f"{item.share:.1%}", item.why) for item in found]
    table(f"Identifiers in {source.name}", columns=["column", "kind", "cells", "why"], rows=rows)
