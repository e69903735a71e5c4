"""Files of keys as age has them: a secret key or a recipient on each line, and comments."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from privet.core.errors import InvalidParameter
from privet.vault.private_files import create_private, read_private
from privet.vault.x25519 import X25519Identity, X25519Recipient

Key = TypeVar("Key")


def create_key_file(path: str | os.PathLike[str]) -> X25519Recipient:
    """Make a secret key in a new file that its owner alone may read, and tell its recipient.

    ``age -d -i FILE`` reads it too. Errors: InvalidParameter if the file is there already or cannot be written.
    """
    identity = X25519Identity.generate()
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    lines = [f"# created: {moment}", f"# public key: {identity.recipient()}", identity.secret_text(), ""]
    create_private(path, "\n".join(lines).encode())
    return identity.recipient()


def read_key_file(path: str | os.PathLike[str]) -> list[X25519Identity]:
    """The secret keys of a file. Errors: InvalidParameter, naming the line and never repeating it."""
    return [_parsed(X25519Identity.parse, text, place) for place, text in _lines(path, read_private(path))]


def read_recipients(path: str | os.PathLike[str]) -> list[X25519Recipient]:
    """The recipients of a file, which is no secret. Errors: InvalidParameter, naming the line."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidParameter(f"{path} cannot be read ({error.strerror}); is it there?") from None
    return [_parsed(X25519Recipient.parse, text, place) for place, text in _lines(path, content)]


def _lines(path: str | os.PathLike[str], content: bytes) -> list[tuple[str, str]]:
    """Where and what, without comments. Letters that are not ASCII are in no key."""
    lines = [line.strip() for line in content.decode("ascii", errors="replace").splitlines()]
    found = [(f"{path}, line {number}", text) for number, text in enumerate(lines, 1) if text and text[0] != "#"]
    if not found:
        raise InvalidParameter(f"{path} holds no key; give another file")
    return found


def _parsed(parse: Callable[[str], Key], text: str, place: str) -> Key:
    try:
        return parse(text)
    except InvalidParameter as error:
        raise InvalidParameter(f"{place}: {error}") from None
