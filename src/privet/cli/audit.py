"""``privet audit``: is the trainer right?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.display import Json, emit_json, number, table

if TYPE_CHECKING:
    from privet.audit.conformance import Report

app = typer.Typer(help="Audits: whether a trainer does what its accounting says.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """Keeps ``trainer`` a command of its own, as others will follow."""


@app.command()
def trainer(
    of: Annotated[
        str | None,
        typer.Option("--trainer", help="module:factory of your own; left out: privet.training.PrivacyEngine."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of the longest run; more of them catch smaller deviations.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the laboratory's data and weights.")] = 0,
    false_alarm: Annotated[
        float, typer.Option("--false-alarm", help="Chance that a right trainer fails any check.")
    ] = 1e-3,
    as_json: Json = False,
) -> None:
    """Hold a trainer's sampler, sensitivity and noise to what it states; exit code 1 if a check fails.

    No data are needed: it trains on laboratory data.
    """
    from privet.audit.conformance import audit_trainer, engine_trainer
    from privet.audit.conformance.loading import load_trainer

    under_test = engine_trainer() if of is None else load_trainer(of)
    report = audit_trainer(under_test, false_alarm=false_alarm, steps=steps, seed=seed)
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report)
    raise typer.Exit(0 if report.passed else 1)


def _show(report: Report) -> None:
    rows = [
        (
            check.check,
            check.verdict,
            check.sentence,
            "-" if check.catches is None else f"{check.deviation} {number(check.catches, digits=2)}",
        )
        for check in report.checks
    ]
    columns = ["check", "verdict", "what was found", "caught with 99.9 % chance"]
    table(f"Audit of {report.trainer}", columns=columns, rows=rows)
    judged = "every check holds" if report.passed else f"FAILS: {', '.join(report.failed)}"
    typer.echo(f"{judged}; a right trainer fails one with a chance of at most {report.false_alarm:g}")
