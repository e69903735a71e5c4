"""``privet vault seal`` and ``open``: small secrets, such as a token for a server, in sealed boxes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from privet.cli.asking import PassphraseDescriptor, PassphraseFile, changes_told, passphrase
from privet.core.errors import InvalidParameter

Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write; there whole or not at all.")]


def seal(
    source: Annotated[str, typer.Argument(help="A file with the secret, up to 64 KiB; - is standard input.")],
    out: Out,
    to: Annotated[str | None, typer.Option("--to", "-r", help="The recipient, age1...")] = None,
    to_file: Annotated[Path | None, typer.Option("--to-file", "-R", help="A file with the recipient.")] = None,
) -> None:
    """Seal a small secret for one recipient: libsodium's crypto_box_seal, which other programs open, too.

    Example: privet vault seal token.txt --to age1... --out token.box
    """
    from privet.core.durable import write_bytes_whole
    from privet.vault.boxes import seal_box
    from privet.vault.key_files import read_recipients
    from privet.vault.x25519 import X25519Recipient

    named = [X25519Recipient.parse(to)] if to else []
    named += read_recipients(to_file) if to_file is not None else []
    if len(named) != 1:
        raise InvalidParameter(
            f"a box is for one recipient, and {len(named)} were given; give one by --to or --to-file"
        )
    write_bytes_whole(out, seal_box(_content(source), recipient=named[0]))


def open_(
    source: Annotated[str, typer.Argument(metavar="BOX", help="The box; - is standard input.")],
    out: Out,
    key: Annotated[list[Path] | None, typer.Option("--key", "-i", help="A file of secret keys.")] = None,
    ring: Annotated[Path | None, typer.Option("--ring", help="A key ring; its passphrase is asked for.")] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Open a sealed box into a file that only its owner may read.

    Example: privet vault open token.box --key alice.key --out token.txt
    """
    from privet.core.durable import write_bytes_whole
    from privet.vault.boxes import open_box
    from privet.vault.key_files import read_key_file
    from privet.vault.key_ring import open_ring
    from privet.vault.private_files import OWNER_ONLY

    if not key and ring is None:
        raise InvalidParameter("a box opens with a secret key; give --key or --ring")
    identities = [identity for file in key or [] for identity in read_key_file(file)]
    with changes_told():
        if ring is not None:
            given = passphrase(passphrase_file, passphrase_fd, what=f"the key ring {ring}")
            identities += open_ring(ring, passphrase=given).identities()
        secret = open_box(_content(source), identities=identities)
    write_bytes_whole(out, secret, mode=OWNER_ONLY)


def _content(source: str) -> bytes:
    """All of a small file, and a little more than a box may have of a large one."""
    from privet.vault.boxes import MOST_BYTES
    from privet.vault.files import opened

    with opened(sys.stdin.buffer if source == "-" else source) as stream:
        return stream.read(2 * MOST_BYTES)
