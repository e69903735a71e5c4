"""``privet deidentify``: treat a file of any size by a policy, or turn its reversible pseudonyms back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from privet.cli.asking import PassphraseDescriptor, PassphraseFile
from privet.cli.display import Json, emit_json
from privet.cli.pseudonym_key import KeyChoice
from privet.cli.risk_words import show_before_and_after
from privet.core.durable import whole_file
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.core.sealed import Release
    from privet.ledger import Account

# Restored identifiers are for whoever runs the command.
_PRIVATE, _READABLE = 0o600, 0o644


def deidentify(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or Parquet file, of any size.")],
    policy: Annotated[Path, typer.Option(help="What is done to each column, a TOML file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, CSV or Parquet; whole or not at all.")],
    key: Annotated[
        str | None,
        typer.Option(help="File of the key, made if there is none (pseudonym.key); or its name in the key ring."),
    ] = None,
    key_ring: Annotated[Path | None, typer.Option("--key-ring", help="Key ring that holds the key.")] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
    account: Annotated[
        str | None, typer.Option(help="Account that lets the table leave; without one, nothing is booked.")
    ] = None,
    ledger: Annotated[
        str, typer.Option("--ledger", envvar="PRIVET_LEDGER", help="Ledger of the account.")
    ] = "sqlite:///privet.db",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn reversible pseudonyms back, with the key.")] = False,
    no_risk: Annotated[bool, typer.Option("--no-risk", help="Leave out the risk report, before and after.")] = False,
    as_json: Json = False,
) -> None:
    """De-identify a file by a policy. The result has no guarantee: measure it with 'privet risk'.

    Example: privet deidentify people.csv --policy policy.toml -o safe.csv

    with a policy such as:  others = "drop"   [columns.id] operator = "pseudonymise"   [columns.born]
    operator = "generalise_date" to = "year". Every operator and its settings: docs/deidentify.md.
    """
    choice = KeyChoice(key, key_ring, passphrase_file, passphrase_fd)
    released = _released(
        source, policy, out, choice, account=account, ledger=ledger, reverse=reverse, risk=not (no_risk or reverse)
    )
    if as_json:
        emit_json({"out": str(out), **released.value, "claim": released.receipt.claim, "account": account})
        return
    booked = f"claim {released.receipt.claim} of account {account!r}" if account else "not booked: no --account"
    what = "identifiers of people are in it again" if reverse else "it has no guarantee"
    typer.echo(f"wrote {out}: {released.value['rows']} rows, {booked}; {what}")
    if "risk" in released.value:
        show_before_and_after(released.value["risk"])
    if not reverse and released.value["held"]:
        typer.echo(f"held whole in memory: {', '.join(released.value['held'])}", err=True)


def _released(
    source: Path,
    policy: Path,
    out: Path,
    key: KeyChoice,
    *,
    account: str | None,
    ledger: str,
    reverse: bool,
    risk: bool,
) -> Release[dict[str, Any]]:
    from privet.deidentify.pieces import SourceFile, kind_of
    from privet.deidentify.policy import load_policy
    from privet.ledger import Ledger

    loaded = load_policy(policy)
    with _told(policy):
        from_ring = key.from_ring(loaded)
    names = SourceFile(source).schema().names
    _check(loaded, policy, names, reverse=reverse)
    kind_of(out)
    if out.exists() and out.samefile(source):
        raise InvalidParameter(f"{out} is the file that is read; give --out another name")
    secret, mode = from_ring or key.from_file(create=not reverse), _PRIVATE if reverse else _READABLE
    with Ledger.open(ledger, create=False) if account else Ledger.in_memory() as opened:
        payer = opened.account(account) if account else _unbooked(opened)
        # The file has its name only after the claim is committed; before that nothing has left.
        with whole_file(out, mode=mode) as sink:
            work = _work(sink, out=out, policy=loaded, key=secret, reverse=reverse, risk=risk)
            return _through_the_gate(payer, source, work, reverse=reverse)


def _check(policy: Any, path: Path, names: list[str], *, reverse: bool) -> None:
    """Hold the policy against the header, before a key is made or a claim is."""
    from privet.deidentify.transform import reversible_columns

    with _told(path):
        if reverse:
            reversible_columns(policy, names=names)
        else:
            policy.check_columns(names)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file's policy is wrong."""
    try:
        yield
    except InvalidParameter as error:
        raise InvalidParameter(f"{path}: {error}") from None


def _work(
    sink: BinaryIO, *, out: Path, policy: Any, key: bytes, reverse: bool, risk: bool
) -> Callable[[Path], dict[str, Any]]:
    from privet.deidentify.before_after import RiskWatch, watched_columns
    from privet.deidentify.stream import deidentify_file, reverse_file, whole_columns

    def work(source: Path) -> dict[str, Any]:
        if reverse:
            done = reverse_file(source, sink, name=out.name, policy=policy, key=key)
            return {"rows": done.rows, "columns": list(done.columns), "sha256": done.sha256, "held": []}
        watch = RiskWatch(watched_columns(source, policy)) if risk else None
        seen = None if watch is None else watch.see
        done = deidentify_file(source, sink, name=out.name, policy=policy, key=key, seen=seen)
        held = list(whole_columns(policy, names=done.columns))
        told = {} if watch is None else {"risk": watch.report()}
        return {"rows": done.rows, "columns": list(done.columns), "sha256": done.sha256, "held": held, **told}

    return work


def _through_the_gate(
    payer: Account, source: Path, work: Callable[[Path], dict[str, Any]], *, reverse: bool
) -> Release[dict[str, Any]]:
    from privet.study.work import WithoutGuarantee

    what = "table with pseudonyms turned back" if reverse else "de-identified table"
    unit, relation = payer.spec.unit, payer.spec.relation
    mechanism = WithoutGuarantee(f"{what} of {source.name}", unit, relation, what, work)
    return payer.release(mechanism, payer.seal_source(lambda: source))


def _unbooked(ledger: Any) -> Account:
    """An account in memory for this one file: the same gate, and no book that anybody keeps."""
    from privet.core.neighbours import PrivacyUnit, Relation

    made: Account = ledger.create_account(
        "one file", unit=PrivacyUnit("row"), relation=Relation.ADD_OR_REMOVE, epsilon=1, delta=0,
        allow_no_guarantee=True,
    )  # fmt: skip
    return made
