"""Encrypted files as text for mail and chat: strict PEM, as age has it."""

from __future__ import annotations

import base64
import binascii
import io
import struct
from typing import BinaryIO, Final, cast

from privet.vault.errors import NotAuthentic

BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
END: Final = b"-----END AGE ENCRYPTED FILE-----"
COLUMNS: Final = 64
_LINE_BYTES: Final = 48
_MOST_SPACE: Final = 1024
_SPACE: Final = b" \t\r\n"


class Armoring(io.RawIOBase):
    """A sink whose content appears in another as text; ``close`` writes the last line and leaves the other open.

    >>> sink = io.BytesIO()
    >>> with Armoring(sink) as armoring:
    ...     _ = armoring.write(b"age")
    >>> print(sink.getvalue().decode(), end="")
    -----BEGIN AGE ENCRYPTED FILE-----
    YWdl
    -----END AGE ENCRYPTED FILE-----
    """

    def __init__(self, sink: BinaryIO) -> None:
        super().__init__()
        self._sink = sink
        self._held = bytearray()
        sink.write(BEGIN + b"\n")

    def writable(self) -> bool:
        """It is written to."""
        return True

    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        """Write whole lines; the rest waits."""
        self._held += content
        whole = len(self._held) // _LINE_BYTES * _LINE_BYTES
        self._put(bytes(self._held[:whole]))
        del self._held[:whole]
        return len(content)

    def close(self) -> None:
        """Write what waits, and the end."""
        if not self.closed:
            self._put(bytes(self._held))
            self._sink.write(END + b"\n")
        super().close()

    def _put(self, content: bytes) -> None:
        text = base64.b64encode(content)
        whole = len(text) // COLUMNS
        lines = [line for line in struct.unpack(f"{COLUMNS}s" * whole + f"{len(text) % COLUMNS}s", text) if line]
        self._sink.write(b"\n".join([*lines, b""]))


class Dearmored(io.RawIOBase):
    """What armored text holds: whole lines of full length many at once, all others one by one.

    Errors: NotAuthentic on reading, unless it is exactly what age writes; space around it and CR LF are let pass.

    >>> text = b"-----BEGIN AGE ENCRYPTED FILE-----\\nYWdl\\n-----END AGE ENCRYPTED FILE-----\\n"
    >>> io.BufferedReader(Dearmored(io.BytesIO(text))).read()
    b'age'
    """

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = (
            source if isinstance(source, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, source))
        )
        self._held = memoryview(b"")
        self._short = self._ended = False
        self._begin()

    def readable(self) -> bool:
        """It is read from."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """The content of the next lines, or the rest of these."""
        if not self._held and not self._ended:
            self._held = memoryview(self._next_lines() or self._next())
        part, self._held = self._held[: len(buffer)], self._held[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def _begin(self) -> None:
        before = 0
        while not (line := self._source.readline(_MOST_SPACE + 1)).strip(_SPACE) and line:
            before += len(line)
            if before > _MOST_SPACE:
                break
        if _without_end(line.lstrip(_SPACE)) != BEGIN:
            raise _broken("its first line")

    def _next_lines(self) -> bytes:
        """All lines of full length that are read already; nothing if the next one is of another kind."""
        ahead = b"" if self._short else self._source.peek()
        lines = len(ahead) // (COLUMNS + 1)
        block = ahead[: lines * (COLUMNS + 1)]
        text = block.replace(b"\n", b"")
        # As many line feeds as lines, each in its place, and no padding: then every line is full.
        if not lines or block[COLUMNS :: COLUMNS + 1] != b"\n" * lines or len(text) != lines * COLUMNS or b"=" in text:
            return b""
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error:
            return b""  # told by whoever looks at the line
        self._source.read(len(block))
        return content

    def _next(self) -> bytes:
        read = self._source.readline(_MOST_SPACE)
        line = _without_end(read)
        if line.rstrip(_SPACE) == END:
            self._finish()
            return b""
        # Only the last line may be shorter, and every line has one way to be written.
        if not line or len(line) > COLUMNS or self._short or not read.endswith(b"\n"):
            raise _broken("a line")
        content = _decoded(line)
        self._short = len(line) < COLUMNS or line.endswith(b"=")
        return content

    def _finish(self) -> None:
        self._ended = True
        if self._source.read(_MOST_SPACE).strip(_SPACE) or self._source.read(1):
            raise _broken("what follows its end")


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _decoded(line: bytes) -> bytes:
    try:
        content = base64.b64decode(line, validate=True)
    except binascii.Error:
        raise _broken("a line") from None
    if base64.b64encode(content) != line:
        raise _broken("a line")
    return content


def _broken(what: str) -> NotAuthentic:
    return NotAuthentic(f"the armor is wrong: {what} is not what age writes. Get the file again")
