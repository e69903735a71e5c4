"""``privet detect``: which identifiers a file holds. For the owner of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privet.cli.display import Json, emit_json, table


def detect(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or Parquet file.")],
    policy: Annotated[Path | None, typer.Option(help="A policy whose stated roles overrule what is found.")] = None,
    as_json: Json = False,
) -> None:
    """What each column holds: identifiers, quasi-identifiers, what is sensitive. Read from the data, no guarantee.

    Example: privet detect people.csv
    """
    from privet.deidentify.detect import find_in_table
    from privet.deidentify.policy import load_policy
    from privet.study.tables import column_names, read_table

    column_names(source)
    found = find_in_table(read_table(source))
    found = load_policy(policy).overrule(found) if policy is not None else found
    if as_json:
        emit_json([item.to_json() for item in found])
        return
    rows = [(item.column, item.kind or "-", item.role, f"{item.share:.1%}" if item.kind else "-", item.why)
            for item in found]  # fmt: skip
    table(f"Columns of {source.name}", columns=["column", "kind", "role", "cells", "why"], rows=rows)
