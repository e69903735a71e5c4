"""``privet ledger``: accounts, their history, and whether the book still says what was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from privet.cli.display import Json, emit_json, number, table
from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation

if TYPE_CHECKING:
    from privet.ledger import Account, Ledger

app = typer.Typer(help="Accounts and claims: what may leave, what has left.", no_args_is_help=True)

Url = Annotated[
    str,
    typer.Option("--ledger", envvar="PRIVET_LEDGER", help="sqlite:///file.db or postgresql+psycopg://user@host/name"),
]
DEFAULT = "sqlite:///privet.db"
Name = Annotated[str, typer.Argument(help="Name of the account.")]
EpsilonOption = Annotated[str, typer.Option("--epsilon", help="Limit on the privacy loss, in nats, such as 3.0")]
DeltaOption = Annotated[str, typer.Option("--delta", help="Probability that the limit fails, such as 1e-6")]


def _open(url: str, *, create: bool = False) -> Ledger:
    from privet.ledger import Ledger

    opened = Ledger.open(url, create=create)
    click.get_current_context().call_on_close(opened.close)
    return opened


@app.command()
def create(
    name: Name,
    epsilon: EpsilonOption,
    delta: DeltaOption,
    unit: Annotated[str, typer.Option(help="Who is protected, such as person.")] = "record",
    unit_column: Annotated[
        str | None, typer.Option(help="Column that tells units apart; none: every row is one.")
    ] = None,
    max_rows: Annotated[int, typer.Option(help="Most rows that one unit may contribute.")] = 1,
    relation: Annotated[Relation, typer.Option(help="Which data sets are neighbours.")] = Relation.ADD_OR_REMOVE,
    part: Annotated[list[str] | None, typer.Option(help="Name of a part; repeat to declare a partition.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What the account is for.")] = None,
    allow_no_guarantee: Annotated[bool, typer.Option(help="Let releases without any guarantee pass, marked.")] = False,
    ledger: Url = DEFAULT,
) -> None:
    """Make an account; also makes the ledger if there is none."""
    made = _open(ledger, create=True).create_account(
        name,
        unit=PrivacyUnit(unit, column=unit_column, max_rows=max_rows),
        relation=relation,
        epsilon=epsilon,
        delta=delta,
        parts=tuple(part or ()),
        purpose=purpose,
        allow_no_guarantee=allow_no_guarantee,
    )
    typer.echo(f"account {made.name!r}: epsilon {epsilon} at delta {delta} for each {made.spec.unit.describe()}")


@app.command()
def allot(
    name: Name,
    parent: Annotated[str, typer.Option(help="Account that the allotment is a share of.")],
    epsilon: EpsilonOption,
    delta: DeltaOption,
    analyst: Annotated[str | None, typer.Option(help="Who may use it.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What for.")] = None,
    opens: Annotated[str | None, typer.Option(help="First day, such as 2026-01-01.")] = None,
    closes: Annotated[str | None, typer.Option(help="Last day, such as 2026-12-31.")] = None,
    ledger: Url = DEFAULT,
) -> None:
    """Make an allotment below an account; its claims must fit both."""
    terms: dict[str, Any] = {"analyst": analyst, "purpose": purpose, "opens": opens, "closes": closes}
    _open(ledger).account(parent).allot(name, epsilon=epsilon, delta=delta, **terms)
    typer.echo(f"allotment {name!r} of {parent!r}: epsilon {epsilon} at delta {delta}")


@app.command("list")
def list_accounts(ledger: Url = DEFAULT, as_json: Json = False) -> None:
    """Every account with what is spent and left."""
    accounts = _open(ledger).accounts()
    if as_json:
        emit_json([_summary(account) for account in accounts])
        return
    rows = [_row(account) for account in accounts]
    table("Accounts", columns=["account", "part of", "protects", "limit", "spent", "left", "claims"], rows=rows)


@app.command()
def show(name: Name, ledger: Url = DEFAULT, as_json: Json = False) -> None:
    """One account: its terms, what is spent, and the tighter joint figure."""
    from privet.ledger.export import joint_epsilon

    opened = _open(ledger)
    account = opened.account(name)
    body = {**_summary(account), "joint_epsilon_if_fixed_in_advance": joint_epsilon(opened.book, name)}
    if as_json:
        emit_json(body)
        return
    table(
        f"Account {name}",
        columns=["what", "value"],
        rows=[(key.replace("_", " "), value) for key, value in body.items()],
    )


@app.command()
def history(name: Name, ledger: Url = DEFAULT, as_json: Json = False) -> None:
    """Every claim on an account, oldest first."""
    claims = _open(ledger).account(name).history()
    if as_json:
        emit_json([claim.to_json() for claim in claims])
        return
    rows = [(c.id, c.reserved_at[:19], c.name, c.state, c.guarantee, c.guard) for c in claims]
    table(f"Claims on {name}", columns=["claim", "when (UTC)", "name", "state", "guarantee", "guarded by"], rows=rows)


@app.command()
def verify(
    ledger: Url = DEFAULT,
    receipts: Annotated[Path | None, typer.Option(help="JSON file of receipts kept elsewhere.")] = None,
    as_json: Json = False,
) -> None:
    """Check the whole book; exit code 1 and the row's name if anything was changed or removed."""
    from privet.ledger.verify import verify as check

    found = check(_open(ledger).book.store, receipts=_read_receipts(receipts))
    if as_json:
        emit_json({"ok": found.ok, "entries": found.entries, "head": found.head, "problems": list(found.problems)})
    else:
        typer.echo(
            f"{found.entries} entries, head {found.head[:16]}: {'the book verifies' if found.ok else 'PROBLEMS'}"
        )
        for problem in found.problems:
            typer.echo(f"  {problem}")
    raise typer.Exit(0 if found.ok else 1)


@app.command()
def export(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="File to write; none: print.")] = None,
    ledger: Url = DEFAULT,
) -> None:
    """The account as JSON, with the public fields of a deployment registry entry."""
    import json

    from privet.ledger.export import export as collect

    body = collect(_open(ledger).book, name)
    if out is None:
        emit_json(body)
        return
    out.write_text(json.dumps(body, indent=2, ensure_ascii=False), encoding="utf-8")
    typer.echo(f"wrote {out}")


def _read_receipts(path: Path | None) -> tuple[Any, ...]:
    import json

    from privet.core.receipts import Receipt

    if path is None:
        return ()
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Receipt.from_json(item) for item in (body if isinstance(body, list) else [body]))
    except (OSError, ValueError, TypeError):
        raise InvalidParameter(f"{path} cannot be read as JSON receipts") from None


def _summary(account: Account) -> dict[str, Any]:
    spec, spent = account.spec, account.spent()
    return {
        "account": spec.name,
        "part_of": spec.parent,
        "protects": spec.unit.describe(),
        "relation": str(spec.relation),
        "epsilon_limit": spent.epsilon_limit,
        "delta": spent.delta,
        "epsilon_spent": spent.epsilon,
        "epsilon_left": spent.epsilon_left,
        "basic_epsilon": spent.basic_epsilon,
        "basic_delta": spent.basic_delta,
        "guarded_by": spent.guard,
        "claims": spent.claims,
        "without_guarantee": spent.unbounded,
        "purpose": spec.purpose,
        "trust_model": spec.trust_model,
    }


def _row(account: Account) -> tuple[object, ...]:
    spec, spent = account.spec, account.spent()
    limit = f"{number(spent.epsilon_limit)} at {number(spent.delta)}"
    claims = f"{spent.claims}" + (f" ({spent.unbounded} without guarantee)" if spent.unbounded else "")
    return (
        spec.name,
        spec.parent or "-",
        spec.unit.describe(),
        limit,
        number(spent.epsilon),
        number(spent.epsilon_left),
        claims,
    )
