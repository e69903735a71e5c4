"""Whole files in and out of the vault: what decrypts is there whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, cast

from privet.core.durable import READABLE, whole_file
from privet.core.errors import InvalidParameter
from privet.vault import age, armor, envelope
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.formats import AGE, ENVELOPE, Identity, Recipient

PRIVATE: Final = 0o600
_COPIED_AT_ONCE: Final = 1 << 20


class FileFormat(StrEnum):
    """How a file is encrypted: ``envelope`` is the fastest, ``age`` opens elsewhere, ``age-armor`` is text."""

    ENVELOPE = "envelope"
    AGE = "age"
    AGE_ARMOR = "age-armor"


def encrypt_file(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    target: str | os.PathLike[str],
    recipients: Iterable[Recipient],
    form: FileFormat = FileFormat.ENVELOPE,
) -> None:
    """Encrypt a file, or a stream, of any size into another, in constant memory.

    Guarantee: as ``envelope.encrypt`` and ``age.encrypt``; the target is there whole or not at all.
    Errors: InvalidParameter if a file cannot be read or written, or nobody is named.
    """
    who = list(recipients)
    with opened(source) as stream, whole_file(target) as sink:
        if form is FileFormat.ENVELOPE:
            envelope.encrypt(stream, sink, recipients=who)
        elif form is FileFormat.AGE:
            age.encrypt(stream, sink, recipients=who)
        else:
            with armor.Armoring(sink) as text:
                age.encrypt(stream, cast(BinaryIO, text), recipients=who)


def decrypt_file(
    source: str | os.PathLike[str] | BinaryIO, *, target: str | os.PathLike[str], identities: Sequence[Identity]
) -> None:
    """Decrypt an envelope or an age file into a file that its owner alone may read.

    Guarantee: the target is there only if every byte of the source is as it was written, whole or not at all.
    Errors: NoMatchingKey if no identity opens it; NotAuthentic if it was changed or cut; InvalidParameter if a file
    cannot be read or written.
    """
    with opened(source) as stream, whole_file(target, mode=PRIVATE) as sink:
        form, whole = told_apart(stream)
        (envelope if form is FileFormat.ENVELOPE else age).decrypt(whole, sink, identities=identities)


def rewrap_file(
    path: str | os.PathLike[str], *, identities: Sequence[Identity], recipients: Iterable[Recipient]
) -> None:
    """Let other recipients open a file, and no longer those of before: its header is made anew, its body is copied.

    Guarantee: the body's bytes are untouched, and the file is the old or the new one at any moment. Who opened the file
    before may have kept its file key, or a copy: against them encrypt it again.
    Errors: as ``decrypt_file``; the body itself is not checked. Armored files are refused.
    """
    who, target = list(recipients), Path(path)
    with opened(target) as stream:
        mode = os.fstat(stream.fileno()).st_mode & 0o777
        form, whole = told_apart(stream)
        if form is FileFormat.AGE_ARMOR:
            raise InvalidParameter(f"{target} is armored text; decrypt it and encrypt it again")
        with whole_file(target, mode=mode) as sink:
            sink.write(
                (envelope if form is FileFormat.ENVELOPE else age).rewrap_header(
                    whole, identities=identities, recipients=who
                )
            )
            shutil.copyfileobj(whole, sink, _COPIED_AT_ONCE)


def opens(path: str | os.PathLike[str], *, identities: Sequence[Identity]) -> bool:
    """Whether one of the keys opens a file; only its header is read.

    Errors: NotAuthentic if it is no encrypted file; InvalidParameter if it cannot be read.
    """
    with opened(path) as stream:
        form, whole = told_apart(stream)
        try:
            (envelope if form is FileFormat.ENVELOPE else age).unlock(whole, identities=identities)
        except NoMatchingKey:
            return False
        return True


def told_apart(stream: BinaryIO) -> tuple[FileFormat, BinaryIO]:
    """The format of a stream, by its first bytes, and the stream itself. Errors: NotAuthentic if it is neither."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
    begin = buffered.peek(len(AGE.label))
    if begin.startswith(ENVELOPE.label.encode()):
        return FileFormat.ENVELOPE, buffered
    if begin.startswith(AGE.label.encode()):
        return FileFormat.AGE, buffered
    if begin.lstrip().startswith(armor.BEGIN[:11]):
        return FileFormat.AGE_ARMOR, io.BufferedReader(armor.Dearmored(buffered))
    raise NotAuthentic("this is neither an envelope nor an age file; if it was one, get it again")


@contextlib.contextmanager
def opened(source: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """The stream of a file, or the stream itself. Errors: InvalidParameter if the file cannot be opened."""
    if not isinstance(source, (str, os.PathLike)):
        yield source
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InvalidParameter(f"{source} cannot be read ({error.strerror}); is it there?") from None
    with stream:
        yield stream


__all__ = ["PRIVATE", "READABLE", "FileFormat", "decrypt_file", "encrypt_file", "opened", "opens", "rewrap_file"]
