"""``privet study``: from one file to one report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.display import Json, emit_json, number, table

if TYPE_CHECKING:
    from privet.study.price import Bill
    from privet.study.run import Outcome

app = typer.Typer(help="One study: check, price, run, report.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The study file.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only where the report is.")]


@app.command()
def new(
    file: File = Path("study.toml"),
    source: Annotated[Path | None, typer.Option(help="A CSV or Parquet file to write the columns of.")] = None,
) -> None:
    """Write a study file to fill in, with a comment for every choice."""
    from privet.study.template import write_template

    write_template(file, source=source)
    typer.echo(f"wrote {file}; fill it in, then: privet study check {file}")


@app.command()
def check(file: File = Path("study.toml")) -> None:
    """Check the file, the header of its data and its policy. Opens no row and writes nothing."""
    from privet.study.steps import plan_study

    planned = plan_study(file)
    typer.echo(f"{file}: {len(planned.steps)} steps, nothing wrong found")


@app.command()
def price(file: File = Path("study.toml"), as_json: Json = False) -> None:
    """Print the bill before any data are opened."""
    from privet.study.price import bill
    from privet.study.steps import plan_study

    priced = bill(plan_study(file))
    if as_json:
        emit_json(priced.to_json())
    else:
        _show_bill(priced)
    raise typer.Exit(0 if priced.fits else 3)


@app.command()
def run(file: File = Path("study.toml"), quiet: Quiet = False, as_json: Json = False) -> None:
    """Run every step that is not finished, paying for each, and write the report."""
    run_file(file, quiet=quiet, as_json=as_json)


@app.command()
def report(file: File = Path("study.toml"), as_json: Json = False) -> None:
    """Write the report again from the record of a finished study. Opens no data and pays nothing."""
    from privet.study.run import report_again

    _show_outcome(report_again(file), as_json=as_json)


def run_file(file: Path, *, quiet: bool, as_json: bool) -> None:
    """Run a study with progress on the terminal, unless told to be quiet."""
    from privet.study.run import run_study
    from privet.study.steps import plan_study

    planned = plan_study(file)
    outcome = run_study(planned) if quiet or as_json else _with_progress(planned)
    _show_outcome(outcome, as_json=as_json)


def _with_progress(planned: Any) -> Outcome:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from privet.study.run import run_study

    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*shown, console=Console(stderr=True)) as progress:
        task = progress.add_task("starting", total=len(planned.steps))

        def advance(title: str, done: int) -> None:
            progress.update(task, description=title, completed=done)

        return run_study(planned, progress=advance)


def _show_outcome(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        from privet.study.report.codec import encode_report

        emit_json(encode_report(outcome.report))
        return
    typer.echo(outcome.report.verdict.sentence)
    typer.echo(f"report: {outcome.path}")


def _show_bill(priced: Bill) -> None:
    rows = [
        (line.title + (" (finished)" if line.paid else ""), line.guarantee, number(line.epsilon), number(line.delta))
        for line in priced.lines
    ]
    table(f"Bill of study {priced.study}", columns=["step", "guarantee", "epsilon", "delta"], rows=rows)
    before = f"already spent {number(priced.spent_before)}, " if priced.spent_before else ""
    typer.echo(
        f"account {priced.account!r}: limit {number(priced.epsilon_limit)} at delta {number(priced.delta_limit)}, "
        f"{before}after this study {number(priced.spent_after)}: {'it fits' if priced.fits else 'IT DOES NOT FIT'}"
    )
