"""The key that pseudonyms are made with: 32 random bytes in a file that only its owner reads."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

from privet.core.errors import InvalidParameter

KEY_BYTES = 32


def load_or_create_key(path: Path) -> bytes:
    """Read the key, or make one with mode 600.

    Errors: InvalidParameter if others can read the file or it does not hold a key.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _load(path)
    except OSError as error:
        raise InvalidParameter(f"the key file {path} cannot be made ({error.strerror}); give another place") from None
    key = secrets.token_bytes(KEY_BYTES)
    with os.fdopen(handle, "wb") as file:
        file.write(key.hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def load_key(path: Path) -> bytes:
    """Read a key that is there; none is made, because only the old one undoes what it did.

    Errors: InvalidParameter if there is none, others can read it, or it does not hold a key.
    """
    if not path.is_file():
        raise InvalidParameter(f"there is no key file {path}; give the one that the table was treated with")
    return _load(path)


def _load(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise InvalidParameter(f"others may read the key file {path}; run: chmod 600 {path}")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidParameter(
            f"{path} does not hold a key of {KEY_BYTES} bytes in hexadecimal; move it away or give another"
        )
    return key


def column_key(key: bytes, *, column: str) -> bytes:
    """A key for one column, so that equal values in different columns get unrelated tokens."""
    return _derived(key, column, person=b"privet column")


def domain_key(key: bytes, *, domain: str) -> bytes:
    """A key that all columns of a domain share, so that one person has one token in all of them.

    A domain and a column of the same name have unrelated keys.
    """
    return _derived(key, domain, person=b"privet domain")


def joint_key(key: bytes, *, columns: tuple[str, ...]) -> bytes:
    """A key for several columns that are treated together."""
    return _derived(key, "".join(f"{len(name)}:{name}" for name in columns), person=b"privet together")


def _derived(key: bytes, name: str, *, person: bytes) -> bytes:
    return hashlib.blake2b(name.encode(), key=key, digest_size=32, person=person).digest()
