"""The text before an encrypted body: one stanza for each recipient wraps the same file key, and a MAC covers them all.

This is the header of age v1 (c2sp.org/age), read strictly: one content has one way to be written. The envelope has the
same header under another first line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from privet.core.errors import InvalidParameter
from privet.vault.derive import hkdf
from privet.vault.errors import NotAuthentic

COLUMNS: Final = 64
MOST_HEADER_BYTES: Final = 1 << 20
_ARGUMENT: Final = re.compile(rb"[\x21-\x7e]+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*")
_MAC_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Stanza:
    """What one recipient needs to get at the file key: words, the first of which is the kind, and a body."""

    words: tuple[str, ...]
    body: bytes

    @property
    def kind(self) -> str:
        """The kind of recipient, such as ``X25519``."""
        return self.words[0]

    def text(self) -> bytes:
        """As it stands in the header; the last line is shorter than 64 columns, if need be empty."""
        coded = encode64(self.body).encode()
        lines = [coded[at : at + COLUMNS] for at in range(0, len(coded) + 1, COLUMNS)]
        return b"\n".join([b"-> " + " ".join(self.words).encode(), *lines, b""])


@dataclass(frozen=True, slots=True)
class Header:
    """A header as it was read; it means nothing before ``check``."""

    first: str
    stanzas: tuple[Stanza, ...]
    mac: bytes
    covered: bytes

    def check(self, file_key: bytes) -> None:
        """Errors: NotAuthentic unless the MAC was made with this file key over exactly this text."""
        if not hmac.compare_digest(self.mac, _mac(file_key, self.covered)):
            raise NotAuthentic("the header was changed after the file was encrypted; get the file again")


def write_header(first: str, *, stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    """The header as it stands before the body. Errors: InvalidParameter if it is empty or longer than 1 MiB."""
    if not stanzas:
        raise InvalidParameter("nobody could open this file; give a recipient or a passphrase")
    covered = first.encode() + b"\n" + b"".join(stanza.text() for stanza in stanzas) + b"---"
    if len(covered) > MOST_HEADER_BYTES:
        raise InvalidParameter(f"{len(stanzas)} recipients make a header of more than 1 MiB; give fewer")
    return covered + b" " + encode64(_mac(file_key, covered)).encode() + b"\n"


def read_header(source: BinaryIO) -> Header:
    """Read up to the first byte of the body.

    Errors: NotAuthentic if it is not exactly a header, or longer than 1 MiB.
    """
    lines = _Lines(source)
    first = _printable(lines.next())
    stanzas: list[Stanza] = []
    while (line := lines.next()).startswith(b"-> "):
        stanzas.append(_read_stanza(line, lines))
    if not stanzas or not line.startswith(b"--- "):
        raise malformed("no stanza or no MAC where one must be")
    covered = bytes(lines.read[: len(lines.read) - len(line) - 1]) + b"---"
    return Header(first, tuple(stanzas), decode64(line[4:], length=_MAC_BYTES), covered)


class _Lines:
    """Lines of a header, without their line feed, and all that was read so far."""

    def __init__(self, source: BinaryIO) -> None:
        self.read = bytearray()
        self._source = source

    def next(self) -> bytes:
        line = self._source.readline(MOST_HEADER_BYTES + 1 - len(self.read))
        self.read += line
        if not line.endswith(b"\n"):
            raise malformed("it ends, or is longer than 1 MiB")
        return line[:-1]


def _read_stanza(line: bytes, lines: _Lines) -> Stanza:
    words = line[3:].split(b" ")
    if not all(_ARGUMENT.fullmatch(word) for word in words):
        raise malformed("a stanza's words are not printable")
    body = b""
    while len(part := lines.next()) == COLUMNS:
        body += part
    if len(part) > COLUMNS:
        raise malformed(f"a line is longer than {COLUMNS} columns")
    return Stanza(tuple(word.decode("ascii") for word in words), decode64(body + part))


def encode64(content: bytes) -> str:
    """Base 64 without padding."""
    return base64.b64encode(content).decode().rstrip("=")


def decode64(text: bytes, *, length: int | None = None) -> bytes:
    """Base 64 without padding, the canonical form alone.

    Errors: NotAuthentic if it is not, or does not have the length.

    >>> decode64(b"AAA")
    b'\\x00\\x00'
    """
    if not _BASE64.fullmatch(text):
        raise malformed("a text is not base 64")
    try:
        content = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise malformed("a text is not base 64") from None
    if encode64(content).encode() != text or len(content) != (len(content) if length is None else length):
        raise malformed("a text is not canonical base 64 of the length it must have")
    return content


def malformed(what: str) -> NotAuthentic:
    """The error of a header that breaks its format."""
    return NotAuthentic(f"this is not a whole encrypted file: its header is wrong ({what}). Get the file again")


def _printable(line: bytes) -> str:
    if not all(0x20 <= byte < 0x7F for byte in line):
        raise malformed("the first line is not that of an encrypted file")
    return line.decode("ascii")


def _mac(file_key: bytes, covered: bytes) -> bytes:
    return hmac.new(hkdf(file_key, info=b"header"), covered, hashlib.sha256).digest()
