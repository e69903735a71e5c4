"""Files that are there whole or not at all, whatever moment the power fails."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from privet.core.errors import InvalidParameter

# What is meant to be read by others; a temporary file begins as its owner's alone.
READABLE = 0o644


def write_whole(path: str | os.PathLike[str], text: str, *, mode: int = READABLE) -> Path:
    """Write a text file: the old one or the whole new one is there, never a part.

    Errors: InvalidParameter if the folder does not exist or cannot be written.
    """
    return write_bytes_whole(path, text.encode("utf-8"), mode=mode)


def write_bytes_whole(path: str | os.PathLike[str], content: bytes, *, mode: int = READABLE) -> Path:
    """As ``write_whole``, for any content."""
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise _refused(target, error) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise _refused(target, error) from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def _refused(target: Path, error: OSError) -> InvalidParameter:
    return InvalidParameter(f"{target} cannot be written ({error.strerror or error}); give another place")
