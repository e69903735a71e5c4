"""Parquet files with a key for each group of columns: whoever holds some of the keys reads those columns.

The format is Parquet modular encryption, written and read by Arrow; here are only the keys.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privet.core.durable import whole_file
from privet.core.errors import InvalidParameter, MissingDependency
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.files import PRIVATE
from privet.vault.key_ring import KeyRing

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import pyarrow.parquet.encryption as pe
except ImportError:
    raise MissingDependency('encrypted Parquet files need pyarrow; pip install "privet[vault]"') from None

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_PURPOSE: Final = "parquet columns"


def column_keys(ring: KeyRing, names: Sequence[str]) -> dict[str, bytes]:
    """The ring's keys of these names, such as a ward's or a purpose's; each may be given to somebody by itself.

    Guarantee: independent of each other and of the ring's other keys, as ``derive_key``.

    >>> ring = KeyRing.new()
    >>> sorted(column_keys(ring, ["clinical", "contact"])), column_keys(ring, ["a"]) == column_keys(ring, ["a"])
    (['clinical', 'contact'], True)
    """
    keys = on_demand(ring)
    return {name: keys[name] for name in names}


def on_demand(ring: KeyRing) -> Mapping[str, bytes]:
    """All of the ring's keys of columns: whatever name is asked for, as ``column_keys`` gives it."""
    return _RingKeys(ring)


class _RingKeys(Mapping[str, bytes]):
    """A ring has a key for every name, so none is listed."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def __getitem__(self, name: str) -> bytes:
        return self._ring.derived(_PURPOSE, context=name, length=KEY_BYTES)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def write_encrypted(
    table: pa.Table,
    path: str | os.PathLike[str],
    *,
    keys: Mapping[str, bytes],
    columns: Mapping[str, Sequence[str]],
    footer: str,
) -> None:
    """Write a table, each column under the key that ``columns`` says, the footer with the schema under another.

    Guarantee: a column's values and statistics are encrypted and authenticated with AES-256-GCM under its key; names
    and types of columns under the footer's. How many pages there are and how large they are on disk stays visible. The
    file is there whole or not at all.
    Errors: InvalidParameter if a column has no key or two, or a key is missing or not 32 bytes long.
    Reference: Apache Parquet, "Parquet Modular Encryption", AES_GCM_V1.
    """
    properties = _encryption(table.schema, keys=keys, columns=columns, footer=footer)
    with (
        whole_file(path, mode=PRIVATE) as sink,
        pq.ParquetWriter(sink, table.schema, encryption_properties=properties) as writer,
    ):
        writer.write_table(table)


def encrypt_parquet(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    keys: Mapping[str, bytes],
    columns: Mapping[str, Sequence[str]],
    footer: str,
) -> None:
    """``write_encrypted`` for a Parquet file, in memory of one row group.

    Errors: as ``write_encrypted``; InvalidParameter if the source is no Parquet file.
    """
    with _plain(source) as file:
        schema = file.schema_arrow
        properties = _encryption(schema, keys=keys, columns=columns, footer=footer)
        with (
            whole_file(target, mode=PRIVATE) as sink,
            pq.ParquetWriter(sink, schema, encryption_properties=properties) as writer,
        ):
            for group in range(file.num_row_groups):
                writer.write_table(_group(file, group, source))


def decrypt_parquet(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    keys: Mapping[str, bytes],
    columns: Sequence[str] | None = None,
) -> None:
    """Write a Parquet file in clear, or some of its columns, in memory of one row group; whole or not at all.

    Errors: as ``read_encrypted``; InvalidParameter if a column is not there.
    """
    with _opened(source, keys) as file:
        schema = file.schema_arrow
        if missing := sorted(set(columns or []) - set(schema.names)):
            raise InvalidParameter(f"{source} has no column {missing[0]!r}; leave it out")
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        with whole_file(target, mode=PRIVATE) as sink, pq.ParquetWriter(sink, wanted) as writer:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group, columns=wanted.names).select(wanted.names))


def names_in(source: str | os.PathLike[str]) -> list[str]:
    """The columns of a Parquet file. Errors: InvalidParameter if it is none."""
    with _plain(source) as file:
        return list(file.schema_arrow.names)


def _encryption(schema: Any, *, keys: Mapping[str, bytes], columns: Mapping[str, Sequence[str]], footer: str) -> Any:
    """Arrow's properties of a file, with every column under its key."""
    _require_each_once(schema.names, columns)
    for name in [footer, *columns]:
        if len(_key(keys, name)) != KEY_BYTES:
            raise InvalidParameter(f"there is no key {name!r} of {KEY_BYTES} bytes; have the ring make it")
    leaves = _leaves(schema)
    configuration = pe.EncryptionConfiguration(
        footer_key=footer,
        column_keys={
            name: [leaf for leaf in leaves if leaf.split(".")[0] in set(of)] for name, of in columns.items() if of
        },
        encryption_algorithm="AES_GCM_V1",
        plaintext_footer=False,
        data_key_length_bits=8 * KEY_BYTES,
    )
    factory = pe.CryptoFactory(lambda _: _LocalKeys(keys))
    return factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)


def _key(keys: Mapping[str, bytes], name: str) -> bytes:
    try:
        return keys[name]
    except KeyError:
        return b""


@contextlib.contextmanager
def _plain(source: str | os.PathLike[str]) -> Iterator[Any]:
    """An ordinary Parquet file. Errors: InvalidParameter if it is none."""
    try:
        file = pq.ParquetFile(Path(source))
    except (OSError, pa.ArrowException):
        raise InvalidParameter(f"{source} cannot be read as a Parquet file; is it there, and not encrypted?") from None
    with file:
        yield file


def _group(file: Any, number: int, source: str | os.PathLike[str]) -> Any:
    try:
        return file.read_row_group(number)
    except (OSError, pa.ArrowException) as error:
        raise InvalidParameter(f"{source} is broken ({type(error).__name__}); get it again") from None


def read_encrypted(
    path: str | os.PathLike[str], *, keys: Mapping[str, bytes], columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a table, or some of its columns: those whose keys, and the footer's, are given.

    Errors: NoMatchingKey if a key is missing or wrong; NotAuthentic if the file was changed; InvalidParameter if it
    cannot be read.
    """
    with _opened(path, keys) as file:
        return file.read(columns=None if columns is None else list(columns))


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str], keys: Mapping[str, bytes]) -> Iterator[Any]:
    """An encrypted file. What goes wrong while it is read is told in our words. Errors: as ``read_encrypted``."""
    held = _LocalKeys(keys)
    factory = pe.CryptoFactory(lambda _: held)
    configuration = pe.DecryptionConfiguration(cache_lifetime=timedelta(minutes=5))
    properties = factory.file_decryption_properties(pe.KmsConnectionConfig(), configuration)
    try:
        with pq.ParquetFile(Path(path), decryption_properties=properties) as file:
            yield file
    except InvalidParameter:
        raise
    except FileNotFoundError:
        raise InvalidParameter(f"{path} cannot be read; is it there?") from None
    except Exception as error:
        # Arrow's own text may tell names of columns, and wraps whatever the keys' class raised.
        if held.missing:
            raise NoMatchingKey(f"{path} needs the key {held.missing!r}, which is not given or another") from None
        raise NotAuthentic(f"{path} was changed, or is no encrypted Parquet file ({type(error).__name__})") from None


class _LocalKeys(pe.KmsClient):  # type: ignore[misc]
    """What Arrow calls a key management service: here it wraps with the keys in hand and asks nobody."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        pe.KmsClient.__init__(self)
        self._keys = keys
        self.missing = ""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        """A data key under the key of that name, which is bound in."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = AESGCM(self._keys[master_key_identifier])
        return base64.b64encode(nonce + cipher.encrypt(nonce, key_bytes, master_key_identifier.encode()))

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        """The data key. What fails is remembered: Arrow passes on no error of ours."""
        try:
            wrapped = base64.b64decode(wrapped_key, validate=True)
            cipher = AESGCM(self._keys[master_key_identifier])
            return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], master_key_identifier.encode())
        except (KeyError, InvalidTag, binascii.Error, ValueError):
            self.missing = master_key_identifier
            raise NoMatchingKey(f"the key {master_key_identifier!r} is not given, or is another") from None


def _require_each_once(names: Sequence[str], columns: Mapping[str, Sequence[str]]) -> None:
    named = [column for of in columns.values() for column in of]
    wrong = {column for column in named if named.count(column) > 1} | set(named) ^ set(names)
    if wrong:
        raise InvalidParameter(
            f"every column needs exactly one key, or it would be left in clear; look at {sorted(wrong)[0]!r}"
        )


def _leaves(schema: Any) -> list[str]:
    """Paths of what Parquet stores as columns: a list or a struct has others than its name."""
    sink = io.BytesIO()
    pq.write_table(schema.empty_table(), sink)
    stored = pq.ParquetFile(io.BytesIO(sink.getvalue())).schema
    return [stored.column(place).path for place in range(len(stored))]
