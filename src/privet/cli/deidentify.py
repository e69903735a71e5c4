"""``privet deid``: find identifiers, apply a policy, measure what risk is left. For the owner of the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.display import Json, emit_json, table
from privet.core.durable import write_whole
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.core.sealed import Release
    from privet.ledger import Ledger

app = typer.Typer(help="De-identify tables and measure the risk that is left.", no_args_is_help=True)

Source = Annotated[Path, typer.Argument(help="A CSV or Parquet file.")]


def _read(path: Path) -> Any:
    from privet.study.tables import column_names, read_table

    column_names(path)
    return read_table(path)


@app.command()
def scan(source: Source, as_json: Json = False) -> None:
    """Which columns hold identifiers. What this prints is read from the data and has no guarantee."""
    from privet.deidentify.detect import find_in_table

    found = find_in_table(_read(source))
    if as_json:
        emit_json([item.to_json() for item in found])
        return
    rows = [(item.column, item.kind or "-", f"{item.share:.1%}", item.why) for item in found]
    table(f"Identifiers in {source.name}", columns=["column", "kind", "cells", "why"], rows=rows)


@app.command()
def risk(
    source: Source,
    quasi: Annotated[list[str], typer.Option("--quasi", help="A quasi-identifier; repeat for each.")],
    as_json: Json = False,
) -> None:
    """k and uniqueness over quasi-identifiers. What this prints is read from the data and has no guarantee."""
    from privet.deidentify.risk import reidentification_risk

    frame = _read(source)
    missing = [name for name in quasi if name not in frame.columns]
    if missing:
        raise InvalidParameter(f"{source.name} has no column {missing[0]!r}; it has: {', '.join(frame.columns)}")
    found = reidentification_risk(frame, quasi_identifiers=tuple(quasi))
    if as_json:
        emit_json(found.to_json())
        return
    rows = [
        (name.replace("_", " "), value)
        for name, value in found.to_json().items()
        if not isinstance(value, (list, dict))
    ]
    table(f"Re-identification risk of {source.name}", columns=["what", "value"], rows=rows)


@app.command()
def apply(
    source: Source,
    policy: Annotated[Path, typer.Option(help="The policy, a TOML file.")],
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    account: Annotated[str, typer.Option(help="Account that lets the table leave; it must allow no guarantee.")],
    ledger: Annotated[str, typer.Option("--ledger", envvar="PRIVET_LEDGER")] = "sqlite:///privet.db",
    key: Annotated[Path, typer.Option(help="Pseudonym key; made with mode 600 if there is none.")] = Path(
        "pseudonym.key"
    ),
) -> None:
    """De-identify a table by a policy, into a new CSV file. It leaves through the gate, marked as without guarantee."""
    from privet.deidentify.policy import load_policy
    from privet.ledger import Ledger
    from privet.study.tables import column_names

    column_names(source)
    loaded = load_policy(policy)
    with Ledger.open(ledger, create=False) as opened:
        released = _released(opened, account, source=source, policy=loaded, key=key)
    write_whole(out, released.value["table"])
    typer.echo(f"wrote {out}, claim {released.receipt.claim}. It has no guarantee: measure it with 'privet deid risk'")


def _released(opened: Ledger, account: str, *, source: Path, policy: Any, key: Path) -> Release[dict[str, Any]]:
    from privet.deidentify.keys import load_or_create_key
    from privet.deidentify.transform import deidentify
    from privet.study.tables import read_table
    from privet.study.work import WithoutGuarantee

    payer, made = opened.account(account), load_or_create_key(key)

    def treated(frame: Any) -> dict[str, Any]:
        return {"table": deidentify(frame, policy=policy, key=made).to_csv(index=False)}

    unit, relation = payer.spec.unit, payer.spec.relation
    work = WithoutGuarantee(f"de-identified table of {source.name}", unit, relation, "de-identified table", treated)
    return payer.release(work, payer.seal_source(lambda: read_table(source)))
