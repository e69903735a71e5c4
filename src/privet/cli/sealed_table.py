"""Parquet files with a key for each column or group of columns, as ``privet vault encrypt`` and ``decrypt`` take them.

Columns that nobody names have the key "others"; the schema has the key "footer", which every reader needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from privet.cli.asking import PassphraseDescriptor, PassphraseFile, changes_told, passphrase
from privet.cli.ring import RingFile
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.vault.key_ring import KeyRing

FOOTER: Final = "footer"
OTHERS: Final = "others"
# What an encrypted Parquet file with an encrypted footer begins with; a plain one begins with PAR1.
_MAGIC: Final = b"PARE"

ColumnKeys = Annotated[
    Path | None, typer.Option("--column-keys", help="Keys of some columns, from 'privet vault column-keys'.")
]


def column_keys(
    name: Annotated[list[str], typer.Option("--name", help="A column or a group of columns; repeat for each.")],
    ring: RingFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, with mode 600.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseDescriptor = None,
) -> None:
    """Write the keys of some columns, for somebody who may read just these. Send the file encrypted.

    Example: privet vault column-keys --ring team.ring --name age --name others --out analyst.keys
    """
    from privet.vault.column_keys import create_column_key_file
    from privet.vault.parquet import column_keys as keys_of

    with changes_told():
        opened = _ring(ring, passphrase_file, passphrase_fd)
        create_column_key_file(out, keys_of(opened, [FOOTER, *name]))


def encrypt_table(
    source: str, out: Path, *, columns: Sequence[str], ring: Path | None, file: Path | None, descriptor: int | None
) -> None:
    """Encrypt a Parquet file, each group of columns under its own key of the ring."""
    from privet.vault.parquet import encrypt_parquet, names_in, on_demand

    if ring is None or source == "-":
        raise InvalidParameter("keys of columns come from a ring, and the table from a file; give --ring and a file")
    groups = grouped(columns, names=names_in(source))
    with changes_told():
        keys = on_demand(_ring(ring, file, descriptor))
    encrypt_parquet(source, out, keys=keys, columns=groups, footer=FOOTER)


def decrypt_table(
    source: str,
    out: Path,
    *,
    columns: Sequence[str],
    ring: Path | None,
    held: Path | None,
    file: Path | None,
    descriptor: int | None,
) -> None:
    """Decrypt a Parquet file, or some of its columns."""
    from privet.vault.column_keys import read_column_key_file
    from privet.vault.parquet import decrypt_parquet, on_demand

    if (ring is None) == (held is None):
        raise InvalidParameter("this is a table with keys of columns; give --ring or --column-keys")
    wanted = [name for part in columns for name in part.split(",")] or None
    with changes_told():
        keys: Mapping[str, bytes] = {} if held is None else read_column_key_file(held)
        if ring is not None:
            keys = on_demand(_ring(ring, file, descriptor))
        decrypt_parquet(source, out, keys=keys, columns=wanted)


def is_sealed_table(source: str) -> bool:
    """Whether a file says that it is one."""
    try:
        with open(source, "rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def grouped(options: Sequence[str], *, names: Sequence[str]) -> dict[str, list[str]]:
    """Which key each column has: ``a,b`` gives each its own, ``NAME=a,b`` one to both, and the rest have ``others``.

    Errors: InvalidParameter if there is no such column, or a column's own key would be one that has another meaning.

    >>> grouped(["id", "clinical=age,note"], names=["id", "age", "note", "n"])
    {'id': ['id'], 'clinical': ['age', 'note'], 'others': ['n']}
    """
    groups: dict[str, list[str]] = {}
    for option in options:
        group, equals, listed = option.rpartition("=")
        for column in listed.split(","):
            key = group if equals else column
            if column not in names:
                raise InvalidParameter(f"--columns names {column!r}, which the table does not have")
            if not key or key in (FOOTER, OTHERS):
                raise InvalidParameter(
                    f"the key {key!r} is for other things; give column {column!r} another: NAME={column}"
                )
            groups.setdefault(key, []).append(column)
    named = {column for of in groups.values() for column in of}
    rest = [name for name in names if name not in named]
    return {**groups, OTHERS: rest} if rest else groups


def _ring(ring: Path, file: Path | None, descriptor: int | None) -> KeyRing:
    from privet.vault.key_ring import open_ring

    return open_ring(ring, passphrase=passphrase(file, descriptor, what=f"the key ring {ring}"))
