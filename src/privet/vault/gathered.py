"""Chunks of odd lengths, written in whole pieces."""

from __future__ import annotations

from typing import BinaryIO, Final

# Whole pages, which a file system takes faster than odd lengths.
PIECE_BYTES: Final = 1 << 20


class Gathered:
    """A sink that takes odd lengths and passes on pieces of 1 MiB, until ``flush`` passes on the rest.

    Ask for ``room``, fill it, and ``put`` it: nothing is copied but what is left over from a piece.

    >>> import io
    >>> sink = io.BytesIO()
    >>> gathered = Gathered(sink, most_bytes=3)
    >>> gathered.room(3)[:] = b"abc"
    >>> gathered.put(3)
    >>> gathered.flush()
    >>> sink.getvalue()
    b'abc'
    """

    def __init__(self, sink: BinaryIO, *, most_bytes: int) -> None:
        self._sink = sink
        self._buffer, self._have = memoryview(bytearray(PIECE_BYTES + most_bytes)), 0

    def room(self, size: int) -> memoryview:
        """Where the next bytes go; at most ``most_bytes`` at once."""
        return self._buffer[self._have : self._have + size]

    def put(self, size: int) -> None:
        """That many bytes of the room are filled."""
        self._have += size
        while self._have >= PIECE_BYTES:
            self._pass_on(PIECE_BYTES)

    def flush(self) -> None:
        """Pass on what is left."""
        if self._have:
            self._pass_on(self._have)

    def _pass_on(self, size: int) -> None:
        self._sink.write(self._buffer[:size])
        rest = self._buffer[size : self._have]
        self._buffer[: len(rest)] = rest
        self._have = len(rest)
