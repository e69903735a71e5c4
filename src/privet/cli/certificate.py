"""``privet vault certificate``: the project's own authority, for mutual TLS between its sites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privet.cli.asking import PassphraseDescriptor, PassphraseFile, changes_told, passphrase

app = typer.Typer(help="A small certificate authority for mutual TLS 1.3.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--folder", help="The authority's folder; keep it off the sites.")]
DEFAULT = Path("authority")


@app.command()
def authority(
    name: Annotated[str, typer.Option("--name", help="What it is called, such as the project.")],
    permit: Annotated[list[str], typer.Option("--permit", help="A domain, address or network it may speak for.")],
    folder: Folder = DEFAULT,
    days: Annotated[int, typer.Option("--days", help="How long it lives.")] = 365,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Make the authority; its key is under a passphrase.

    Example: privet vault certificate authority --name visits --permit sites.example.org
    """
    from privet.vault.authority import create_authority

    given = passphrase(passphrase_file, passphrase_fd, what=f"the authority in {folder}", confirm=True)
    create_authority(folder, name=name, permitted=permit, days=days, passphrase=given)
    typer.echo(f"made {folder}; give every site its authority.pem and revoked.pem, and nobody its authority.key")


@app.command()
def issue(
    name: Annotated[str, typer.Argument(help="Whose certificate, such as a site's name.")],
    host: Annotated[list[str], typer.Option("--host", help="A host name or address it is for; repeat for each.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for NAME.pem and NAME.key.")],
    role: Annotated[str, typer.Option("--role", help="server, client or both.")] = "both",
    days: Annotated[int, typer.Option("--days", help="How long it is believed.")] = 7,
    folder: Folder = DEFAULT,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Issue a short-lived certificate with a fresh key.

    Example: privet vault certificate issue site-a --host a.sites.example.org --role client --out .
    """
    from privet.core.errors import InvalidParameter
    from privet.vault.authority import Role, open_authority

    if role not in list(Role):
        raise InvalidParameter(f"there is no role {role!r}; there are: {', '.join(Role)}")
    with changes_told():
        given = passphrase(passphrase_file, passphrase_fd, what=f"the authority in {folder}")
        opened = open_authority(folder, passphrase=given)
        certificate, key = opened.issue(name, hosts=host, role=Role(role), days=days, out=out)
    typer.echo(f"wrote {certificate} and {key}, good for {days} days")


@app.command()
def revoke(
    certificates: Annotated[list[Path] | None, typer.Argument(help="Certificates; none renews the list alone.")] = None,
    folder: Folder = DEFAULT,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Put certificates on the list of revoked ones, and renew it for 30 days.

    Example: privet vault certificate revoke site-a.pem
    """
    from privet.vault.authority import open_authority, serial_of

    serials = [serial_of(path) for path in certificates or []]
    with changes_told():
        given = passphrase(passphrase_file, passphrase_fd, what=f"the authority in {folder}")
        listed = open_authority(folder, passphrase=given).revoke(serials)
    typer.echo(f"wrote {listed}; give it to every site; it counts from the next connection on")
