"""A file as it can be measured: read into memory, or where it is large counted by a database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from privet.core.errors import InvalidParameter

ENGINES = ("auto", "memory", "duckdb", "spark")
Engine = Annotated[
    str,
    typer.Option(
        help="How rows are counted: auto reads CSV up to 250 MB and Parquet (or .gz) up to 50 MB into memory, and has "
        "DuckDB count larger ones; or memory, duckdb, spark."
    ),
]


@dataclass(frozen=True, slots=True)
class Measurable:
    """``table`` can be coded; ``sample`` is a frame with the first cells of each column, or with all of them.

    ``frame`` is the whole table where it is in memory, else None.
    """

    table: Any
    sample: Any
    frame: Any


@contextlib.contextmanager
def measurable(path: Path, *, engine: str = "auto") -> Iterator[Measurable]:
    """Open a file for measuring. Errors: InvalidParameter for an unknown engine, SpecError if it cannot be read."""
    from privet.study.tables import column_names, read_table

    if engine not in ENGINES:
        raise InvalidParameter(f"--engine {engine}: give one of {', '.join(ENGINES)}")
    column_names(path)
    from privet.deidentify.combinations import first_cells, is_large, opened

    if engine == "memory" or (engine == "auto" and not is_large(path)):
        frame = read_table(path)
        yield Measurable(frame, frame, frame)
        return
    with opened(path, engine="duckdb" if engine == "auto" else engine) as table:
        yield Measurable(table, first_cells(path), None)
