"""The key that pseudonyms are made with: 32 random bytes, in a file that only its owner reads or in a key ring."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from privet.core.errors import InvalidParameter
from privet.vault.private_files import create_private, read_private

KEY_BYTES = 32


def load_or_create_key(path: Path) -> bytes:
    """Read the key, or make one with mode 600.

    Errors: InvalidParameter if others can read the file or it does not hold a key.
    """
    if not os.path.lexists(path):
        key = secrets.token_bytes(KEY_BYTES)
        try:
            create_private(path, key.hex().encode() + b"\n")
            return key
        except InvalidParameter:
            # Somebody else may have made it in this moment; then that one counts.
            if not path.exists():
                raise
    return load_key(path)


def load_key(path: Path) -> bytes:
    """Read a key that is there; none is made, because only the old one undoes what it did.

    Errors: InvalidParameter if there is none, others can read it, or it does not hold a key.
    """
    if not path.is_file():
        raise InvalidParameter(f"there is no key file {path}; give the one that the table was treated with")
    content = read_private(path)
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
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
