"""Files that hold secrets: made for their owner alone, and not read if anybody else could have."""

from __future__ import annotations

import os
import stat
from typing import Final

from privet.core.durable import whole_file
from privet.core.errors import InvalidParameter

OWNER_ONLY: Final = 0o600
MOST_BYTES: Final = 1 << 20


def read_private(path: str | os.PathLike[str]) -> bytes:
    """The content of a secret file.

    Errors: InvalidParameter if it cannot be read, is no file, is another user's, is open to others, or has over 1 MiB.
    """
    try:
        # Checked on the open file, so that it cannot be exchanged in between.
        with open(path, "rb", opener=_opener) as stream:
            require_private(path, os.fstat(stream.fileno()))
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidParameter(f"{path} cannot be read ({error.strerror}); is it there?") from None
    if len(content) > MOST_BYTES:
        raise InvalidParameter(f"{path} has more than 1 MiB; that is no file of keys")
    return content


def require_private(path: str | os.PathLike[str], found: os.stat_result) -> None:
    """Errors: InvalidParameter unless it is a file of this user, or of root, that nobody else may read or write."""
    if not stat.S_ISREG(found.st_mode):
        raise InvalidParameter(f"{path} is not a file; give one")
    if found.st_uid not in (os.geteuid(), 0):
        raise InvalidParameter(f"{path} belongs to another user, who can change it; copy it to a file of yours")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise InvalidParameter(f"others may read or write {path}; run: chmod 600 {path}")


def create_private(path: str | os.PathLike[str], content: bytes) -> None:
    """Make a secret file with mode 600, whole or not at all; one that is there is never overwritten.

    Errors: InvalidParameter if there is something of that name, or it cannot be written.
    """
    with whole_file(path, mode=OWNER_ONLY, replace=False) as stream:
        stream.write(content)


def _opener(path: str, flags: int) -> int:
    # Without waiting: a pipe in a key's place must not hang.
    return os.open(path, flags | os.O_NONBLOCK)
