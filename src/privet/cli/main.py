"""The ``privet`` command: finds the nouns, turns errors into one clear line and an exit code.

Exit codes: 0 done; 1 the check found problems; 2 wrong input; 3 refused by a budget; 4 failed behind the gate or in
the ledger; 70 a fault of Privet; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated

import click
import typer

from privet._version import __version__
from privet.cli import account, audit, deidentify, demo, detect, ledger, risk, study, vault
from privet.core.errors import BudgetRefused, LedgerError, PrivetError, UnknownAccount

STOPPED, FAULT = 130, 70

app = typer.Typer(
    name="privet",
    help="Privacy-preserving machine learning: one gate, one ledger, one report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(study.app, name="study")
app.add_typer(ledger.app, name="ledger")
app.add_typer(account.app, name="account")
app.add_typer(audit.app, name="audit")
app.add_typer(vault.app, name="vault")
app.command("detect")(detect.detect)
app.command("risk")(risk.risk)
app.command("deidentify")(deidentify.deidentify)
app.command("demo")(demo.demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"privet {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    pass


def exit_code(error: PrivetError) -> int:
    """The exit code that an error stands for."""
    if isinstance(error, BudgetRefused):
        return 3
    if isinstance(error, LedgerError) and not isinstance(error, UnknownAccount):
        return 4
    return 2


def program() -> None:
    """Entry point of the ``privet`` command: ``run`` in a process of its own.

    A Ctrl-C that falls into a call of ``exec``, as when dataclasses are made, leaves a mark by which CPython kills
    itself at its end, although the interrupt was handled. So a process that was stopped ends before that.
    """
    try:
        run()
    except SystemExit as ending:
        if ending.code == STOPPED:
            for stream in (sys.stdout, sys.stderr):
                # Whoever read it may be gone.
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(STOPPED)
        raise


def run() -> None:
    """Call what the command line says and end with its exit code."""
    try:
        code = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except PrivetError as error:
        typer.echo(f"privet: {error}", err=True)
        sys.exit(exit_code(error))
    except (KeyboardInterrupt, click.Abort):
        code = STOPPED
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if "PRIVET_DEBUG" in os.environ:
            raise
        kind = type(error).__name__
        typer.echo(
            f"privet: an error of Privet itself ({kind}); its text is withheld because it may hold data. "
            "PRIVET_DEBUG=1 shows it; please report what you did",
            err=True,
        )
        sys.exit(FAULT)
    if code == STOPPED:  # typer makes this of a Ctrl-C, without a word
        typer.echo("privet: stopped; what was finished is kept, what was under way is forfeited", err=True)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    program()
