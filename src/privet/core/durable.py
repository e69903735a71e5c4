"""Files that are there whole or not at all, whatever moment the power fails."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

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
    with whole_file(path, mode=mode) as stream:
        stream.write(content)
    return Path(path)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], *, mode: int = READABLE, replace: bool = True) -> Iterator[BinaryIO]:
    """A stream to write piece by piece; the file has its name only once the block ends well.

    Guarantee: after an error, or Ctrl-C, nothing is left and an old file is untouched. Where the system has files
    without a name (Linux), the same holds after ``kill -9`` and after a loss of power; only where an old file is
    replaced, a kill between two system calls can leave the whole new one beside it, under a hidden name. Without
    ``replace`` a file that is there is never overwritten, not even one that somebody makes in the meantime.
    Errors: InvalidParameter if the folder cannot be written, or something that is no file has that name.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        raise InvalidParameter(f"{target} is there and is not a file; give another place")
    if not replace and os.path.lexists(target):
        raise _there(target)
    try:
        handle, name = _temporary(target)
    except OSError as error:
        raise _refused(target, error) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
            _give_name(handle, name, target, replace=replace)
    except BaseException as error:
        if name:
            Path(name).unlink(missing_ok=True)
        if isinstance(error, FileExistsError) and not replace:
            raise _there(target) from None
        if isinstance(error, OSError):
            raise _refused(target, error) from None
        raise


def _temporary(target: Path) -> tuple[int, str]:
    """An open file in the target's folder, and its name: none where it can do without."""
    if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
        # Not every file system has files without a name; a folder that is missing is refused below.
        with contextlib.suppress(OSError):
            return os.open(target.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600), ""
    return tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)


def _give_name(handle: int, name: str, target: Path, *, replace: bool) -> None:
    """Give the finished file its name: in one call, unless an old file has it."""
    if name and replace:
        os.replace(name, target)
    elif name:
        os.link(name, target)
        os.unlink(name)
    else:
        _name_nameless(handle, target, replace=replace)


def _name_nameless(handle: int, target: Path, *, replace: bool) -> None:
    try:
        _link(handle, target)
        return
    except FileExistsError:
        if not replace:
            raise
    # The call that names a file cannot replace what is there, so it gets a name beside it first.
    beside = target.parent / f".{target.name}.{secrets.token_hex(8)}"
    _link(handle, beside)
    try:
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _link(handle: int, name: Path) -> None:
    folder = os.open(name.parent, os.O_RDONLY)
    try:
        # With a folder given, Python takes the system call that follows the link to the open file.
        os.link(f"/proc/self/fd/{handle}", name, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _there(target: Path) -> InvalidParameter:
    return InvalidParameter(f"{target} is there already and is not overwritten; move it away first")


def _refused(target: Path, error: OSError) -> InvalidParameter:
    return InvalidParameter(f"{target} cannot be written ({error.strerror or error}); give another place")
