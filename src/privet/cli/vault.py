"""``privet vault``: keys, and files under them. Secrets come from files and terminals, never from the command line.

Exit code 1: the file was changed or cut. No command leaves a part of a file behind.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from privet.cli import box, certificate, sealed_table
from privet.cli import ring as rings
from privet.cli.asking import PassphraseDescriptor, PassphraseFile, changes_told, passphrase
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.vault.formats import Identity, Recipient
    from privet.vault.key_ring import KeyRing

app = typer.Typer(help="Keys, encrypted files and certificates.", no_args_is_help=True)
app.add_typer(certificate.app, name="certificate")
app.command("passphrase")(rings.change_passphrase)
app.command("drop")(rings.drop)
app.command("seal")(box.seal)
app.command("open")(box.open_)
app.command("column-keys")(sealed_table.column_keys)

Source = Annotated[str, typer.Argument(help="The file; - is standard input.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write; there whole or not at all.")]
To = Annotated[list[str] | None, typer.Option("--to", "-r", help="A recipient, age1...; repeat for each.")]
ToFile = Annotated[list[Path] | None, typer.Option("--to-file", "-R", help="A file of recipients, one a line.")]
KeyFile = Annotated[list[Path] | None, typer.Option("--key", "-i", help="A file of secret keys; repeat for each.")]
Ring = Annotated[Path | None, typer.Option("--ring", help="A key ring; its passphrase is asked for.")]
Name = Annotated[str | None, typer.Option("--name", help="Which key of the ring.")]


@app.command()
def keygen(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File for the secret key, as age has it.")] = None,
    ring: Annotated[Path | None, typer.Option("--ring", help="Key ring to put it in; made if there is none.")] = None,
    name: Name = None,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="A key for the pseudonyms of 'privet deidentify --key-ring'.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Make a key, and print its recipient: what others encrypt to. The key itself is never shown.

    Example: privet vault keygen --ring team.ring --name alice
    """
    from privet.vault.key_files import create_key_file

    if (out is None) == (ring is None) or (ring is None) != (name is None):
        raise InvalidParameter("a key goes into a file (--out) or a ring (--ring and --name); give one of them")
    if out is not None and pseudonyms:
        raise InvalidParameter("a key of pseudonyms goes into a ring; give --ring and --name instead of --out")
    if out is not None:
        typer.echo(str(create_key_file(out)))
    elif ring is not None and name is not None:
        with changes_told():
            typer.echo(_shown(_added(ring, name, passphrase_file, passphrase_fd, pseudonyms=pseudonyms), name))


def _added(ring: Path, name: str, file: Path | None, descriptor: int | None, *, pseudonyms: bool) -> KeyRing:
    from privet.vault.key_ring import KeyRing, change_ring, create_ring

    def add(old: KeyRing) -> KeyRing:
        if name in {key.name for key in old.keys} | {key.name for key in old.pseudonyms}:
            raise InvalidParameter(f"the ring has a key {name!r}; 'privet vault rotate --ring' gives it a new one")
        return old.with_pseudonym_key(name) if pseudonyms else old.with_key(name)

    given = passphrase(file, descriptor, what=f"the key ring {ring}", confirm=not ring.exists())
    if not ring.exists():
        return create_ring(ring, passphrase=given, ring=add(KeyRing.new()))
    return change_ring(ring, passphrase=given, change=add)


def _shown(ring: KeyRing, name: str) -> str:
    """What is no secret of a key that was just made: a recipient, or the lines of a policy."""
    if versions := ring.versions(name):
        return f"key = {json.dumps(name, ensure_ascii=False)}\nkey_version = {versions[-1]}"
    return str(ring.recipient(name))


@app.command()
def encrypt(
    source: Source,
    out: Out,
    to: To = None,
    to_file: ToFile = None,
    with_passphrase: Annotated[bool, typer.Option("--passphrase", "-p", help="Ask for a passphrase.")] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
    form: Annotated[
        str, typer.Option("--format", help="envelope (fastest), age (opens in age), age-armor (the same as text).")
    ] = "envelope",
    columns: Annotated[
        list[str] | None,
        typer.Option(help="Of a Parquet file: a,b (a key each) or NAME=a,b (one for both); --ring has the keys."),
    ] = None,
    ring: Ring = None,
) -> None:
    """Encrypt a file to recipients, under a passphrase, or a Parquet file's columns under keys of their own.

    Example: privet vault encrypt visits.csv --out visits.sealed --to age1...
    """
    from privet.vault.files import FileFormat, encrypt_file

    if columns or ring is not None:
        if to or to_file or with_passphrase or not columns:
            raise InvalidParameter("--columns and --ring go together, and with no recipient: the ring has the keys")
        sealed_table.encrypt_table(
            source, out, columns=columns, ring=ring, file=passphrase_file, descriptor=passphrase_fd
        )
        return
    if form not in list(FileFormat):
        raise InvalidParameter(f"there is no format {form!r}; there are: {', '.join(FileFormat)}")
    recipients: list[Recipient] = _recipients(to, to_file)
    if with_passphrase or passphrase_file is not None or passphrase_fd is not None:
        recipients.append(passphrase(passphrase_file, passphrase_fd, what=f"{out}", confirm=True))
    with _stream(source) as stream:
        encrypt_file(stream, target=out, recipients=recipients, form=FileFormat(form))


@app.command()
def decrypt(
    source: Source,
    out: Out,
    key: KeyFile = None,
    ring: Ring = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
    columns: Annotated[list[str] | None, typer.Option(help="Of a table with keys of columns: these alone.")] = None,
    held: sealed_table.ColumnKeys = None,
) -> None:
    """Decrypt an envelope, an age file or a table. Without a key or a ring it asks for the file's passphrase.

    Example: privet vault decrypt visits.sealed --key alice.key --out visits.csv
    """
    from privet.vault.files import decrypt_file

    if source != "-" and sealed_table.is_sealed_table(source):
        sealed_table.decrypt_table(
            source, out, columns=columns or [], ring=ring, held=held, file=passphrase_file, descriptor=passphrase_fd
        )
        return
    if columns or held is not None:
        raise InvalidParameter(f"{source} is no table with keys of columns; leave --columns and --column-keys out")
    with changes_told(), _stream(source) as stream:
        identities = _identities(key, ring, passphrase_file, passphrase_fd, what=source)
        decrypt_file(stream, target=out, identities=identities)


@app.command()
def rotate(
    files: Annotated[list[Path] | None, typer.Argument(help="Encrypted files to pass on; their bodies stay.")] = None,
    to: To = None,
    to_file: ToFile = None,
    key: KeyFile = None,
    ring: Ring = None,
    name: Annotated[str | None, typer.Option("--name", help="Give this key of the ring a successor first.")] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Let other keys open files, and only those. Who opened them before may have kept a copy.

    A key of pseudonyms gets a new version, which is used where a policy asks for it; older ones stay in the ring.
    Example: privet vault rotate visits.sealed --ring team.ring --name alice
    """
    from privet.vault.files import rewrap_file
    from privet.vault.key_ring import change_ring

    recipients, what = _recipients(to, to_file), str(ring or "the files")
    identities: Sequence[Identity]
    with changes_told():
        if name is not None and ring is not None:
            given = passphrase(passphrase_file, passphrase_fd, what=f"the key ring {ring}")
            changed = change_ring(ring, passphrase=given, change=lambda old: _succeeded(old, name, files))
            typer.echo(_shown(changed, name))
            if changed.versions(name):
                return
            recipients.append(changed.recipient(name))
            identities = changed.identities() + _keys(key)
        else:
            _require_something(files, recipients, name)
            identities = _identities(key, ring, passphrase_file, passphrase_fd, what=what)
        for number, file in enumerate(files or []):
            with _after(number, files or []):
                rewrap_file(file, identities=identities, recipients=recipients)


def _succeeded(ring: KeyRing, name: str, files: Sequence[Path] | None) -> KeyRing:
    if ring.versions(name):
        if files:
            raise InvalidParameter(f"{name!r} is a key of pseudonyms, which no file is encrypted to; leave files out")
        return ring.with_pseudonym_key(name)
    ring.recipient(name)  # a name that was mistyped must not become a new key
    return ring.with_key(name)


def _require_something(files: list[Path] | None, recipients: Sequence[Recipient], name: str | None) -> None:
    if name is not None:
        raise InvalidParameter("--name is a key of a ring; give --ring")
    if not files or not recipients:
        raise InvalidParameter("nothing to rotate; give files and their new recipients, or --ring and --name")


@contextlib.contextmanager
def _after(number: int, files: Sequence[Path]) -> Iterator[None]:
    """If one file fails, say how far it went: those before it are passed on, those after it are not."""
    try:
        yield
    except Exception:
        typer.echo(f"privet: {files[number]} is as it was; {number} of {len(files)} files were passed on", err=True)
        raise


def _recipients(to: list[str] | None, to_file: list[Path] | None) -> list[Recipient]:
    from privet.vault.key_files import read_recipients
    from privet.vault.x25519 import X25519Recipient

    named: list[Recipient] = [X25519Recipient.parse(text) for text in to or []]
    return named + [recipient for file in to_file or [] for recipient in read_recipients(file)]


def _keys(key: list[Path] | None) -> list[Identity]:
    from privet.vault.key_files import read_key_file

    return [identity for file in key or [] for identity in read_key_file(file)]


def _identities(
    key: list[Path] | None, ring: Path | None, file: Path | None, descriptor: int | None, *, what: str
) -> list[Identity]:
    from privet.vault.key_ring import open_ring

    found = _keys(key)
    if ring is not None:
        opened = open_ring(ring, passphrase=passphrase(file, descriptor, what=f"the key ring {ring}"))
        return [*found, *opened.identities()]
    if not found or file is not None or descriptor is not None:
        found.append(passphrase(file, descriptor, what=what))
    return found


@contextlib.contextmanager
def _stream(source: str) -> Iterator[BinaryIO]:
    from privet.vault.files import opened

    with opened(sys.stdin.buffer if source == "-" else source) as stream:
        yield stream
