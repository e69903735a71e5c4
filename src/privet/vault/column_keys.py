"""Files with the keys of some columns of encrypted tables, for somebody who may read those and no others."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Final

from privet.core.errors import InvalidParameter
from privet.vault.errors import NotAuthentic
from privet.vault.header import decode64, encode64
from privet.vault.private_files import create_private, read_private

FORMAT: Final = "privet-column-keys/1"
_KEY_BYTES: Final = 32


def create_column_key_file(path: str | os.PathLike[str], keys: Mapping[str, bytes]) -> None:
    """Write keys to a new file that its owner alone may read; send it encrypted to its reader.

    Errors: InvalidParameter if the file is there already or cannot be written.
    """
    body = {"format": FORMAT, "keys": {name: encode64(key) for name, key in keys.items()}}
    create_private(path, json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n")


def read_column_key_file(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """The keys of a file. Errors: InvalidParameter, repeating none, if others may read it or it holds none."""
    content = read_private(path)
    try:
        body = json.loads(content)
        if body["format"] == FORMAT:
            return {str(name): decode64(key.encode(), length=_KEY_BYTES) for name, key in body["keys"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, NotAuthentic):
        pass
    raise InvalidParameter(f"{path} holds no keys of columns; 'privet vault column-keys' makes such a file")
