"""How a command gets a passphrase: from a terminal, a file or a descriptor; and how it says that a file was changed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.vault.passphrase import Passphrase

MOST_BYTES: Final = 4096

PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="Take the passphrase from the first line of this file.")
]
PassphraseDescriptor = Annotated[
    int | None, typer.Option("--passphrase-fd", help="Take the passphrase from this open file descriptor.", min=0)
]


@contextlib.contextmanager
def changes_told() -> Iterator[None]:
    """A file that was changed is what a check finds: its own exit code, 1."""
    from privet.vault.errors import NotAuthentic

    try:
        yield
    except NotAuthentic as error:
        typer.echo(f"privet: {error}", err=True)
        raise typer.Exit(1) from None


def passphrase(file: Path | None, descriptor: int | None, *, what: str, confirm: bool = False) -> Passphrase:
    """The passphrase from where the options say, or else from the terminal.

    Errors: InvalidParameter if it comes from nowhere, or others may read the file.
    """
    from privet.vault.passphrase import Passphrase

    if file is not None and descriptor is not None:
        raise InvalidParameter(
            "both --passphrase-file and --passphrase-fd were given; a passphrase comes from one place"
        )
    if file is not None:
        return Passphrase(_line(_from_file(file), str(file)))
    if descriptor is not None:
        return Passphrase(_line(_from_descriptor(descriptor), f"file descriptor {descriptor}"))
    return Passphrase(_asked(what, confirm=confirm))


def _from_file(file: Path) -> bytes:
    from privet.vault.private_files import read_private

    return read_private(file)


def _from_descriptor(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidParameter(f"file descriptor {descriptor} cannot be read ({error.strerror})") from None


def _line(content: bytes, where: str) -> str:
    line = content.split(b"\n", 1)[0].removesuffix(b"\r")
    if not line or len(line) > MOST_BYTES:
        raise InvalidParameter(
            f"the first line of {where} is empty or longer than {MOST_BYTES} bytes; put a passphrase"
        )
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidParameter(f"the first line of {where} is not UTF-8 text; put a passphrase") from None


def _asked(what: str, *, confirm: bool) -> str:
    try:  # getpass would fall back to a terminal that shows what is typed, or to standard input
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        raise InvalidParameter(
            "there is no terminal to ask for the passphrase; give --passphrase-file or --passphrase-fd"
        ) from None
    asked: str = typer.prompt(f"Passphrase for {what}", hide_input=True, confirmation_prompt=confirm, err=True)
    return asked
