"""``privet demo``: the first study, end to end, on real health records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privet.cli.display import Json


def demo(
    folder: Annotated[Path, typer.Option(help="Where to put the study, its ledger and the report.")] = Path(
        "privet-demo"
    ),
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only where the report is.")] = False,
    as_json: Json = False,
) -> None:
    """Make the demo's study and run it: RAND health records with made-up identifiers, from table to report.

    A second call goes on where the first one stopped; what was finished is neither run nor paid again.
    """
    from privet.cli.study import run_file
    from privet.study.demo import write_study

    run_file(write_study(folder), quiet=quiet, as_json=as_json)
