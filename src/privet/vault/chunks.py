"""A stream of any length as authenticated chunks: the STREAM construction.

The nonce is the chunk's number and whether it is the last, so a chunk opens only in its own place, and a stream that
was cut has no last chunk.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator
from typing import BinaryIO, Final, Protocol

from cryptography.exceptions import InvalidTag

from privet.core.errors import InvalidParameter
from privet.vault.errors import NotAuthentic
from privet.vault.gathered import Gathered

TAG_BYTES: Final = 16
NONCE_BYTES: Final = 12
# With chunks of 256 KiB this is 1 PiB, 2**46 blocks under one key: told from chance with advantage below 2**-36.
MOST_CHUNKS: Final = 1 << 32


class Aead(Protocol):
    """A cipher of ``cryptography`` under one key, which no other stream has."""

    def encrypt_into(self, nonce: bytes, data: memoryview, associated_data: bytes | None, buf: memoryview, /) -> int:
        """Write ciphertext and tag."""
        ...

    def decrypt_into(self, nonce: bytes, data: memoryview, associated_data: bytes | None, buf: memoryview, /) -> int:
        """Write the plaintext, or raise InvalidTag."""
        ...


def nonce(number: int, *, last: bool) -> bytes:
    """The nonce of a chunk: 11 bytes of its number, one that says whether it is the last.

    >>> nonce(258, last=True).hex()
    '000000000000000000010201'
    """
    return number.to_bytes(NONCE_BYTES - 1, "big") + (b"\x01" if last else b"\x00")


def seal(cipher: Aead, source: BinaryIO, sink: BinaryIO, *, chunk_bytes: int, associated: bytes | None = None) -> int:
    """Encrypt all of a stream, in memory of two chunks and a piece of 1 MiB; how many bytes were read.

    Guarantee: nonce-based online authenticated encryption (nOAE) if the cipher is a secure AEAD and its key is used for
    this one stream.
    Errors: InvalidParameter if the stream has more than 2**32 chunks.
    Reference: Hoang, Reyhanitabar, Rogaway, Vizar (2015), "Online Authenticated-Encryption and its Nonce-Reuse
    Misuse-Resistance", section 7 (STREAM).

    >>> import io
    >>> from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    >>> sealed = io.BytesIO()
    >>> seal(AESGCM(bytes(32)), io.BytesIO(b"twelve bytes"), sealed, chunk_bytes=5), len(sealed.getvalue())
    (12, 60)
    """
    out, total = Gathered(sink, most_bytes=chunk_bytes + TAG_BYTES), 0
    with contextlib.closing(_pieces(source, chunk_bytes)) as pieces:
        for number, (piece, last) in enumerate(pieces):
            if number >= MOST_CHUNKS:
                raise InvalidParameter(f"the stream is longer than {MOST_CHUNKS} chunks of {chunk_bytes} bytes; cut it")
            sealed_bytes = len(piece) + TAG_BYTES
            cipher.encrypt_into(nonce(number, last=last), piece, associated, out.room(sealed_bytes))
            out.put(sealed_bytes)
            total += len(piece)
    out.flush()
    return total


def unseal(cipher: Aead, source: BinaryIO, sink: BinaryIO, *, chunk_bytes: int, associated: bytes | None = None) -> int:
    """Decrypt all of a stream; how many bytes were written.

    Guarantee: every byte written was authenticated at its place; only a return without error says that it was all. Keep
    the sink's content from everybody until then (``privet.core.durable.whole_file``).
    Errors: NotAuthentic if a chunk was changed, moved, repeated, left out, or anything follows the last.

    >>> import io
    >>> from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    >>> sealed, plain = io.BytesIO(), io.BytesIO()
    >>> _ = seal(AESGCM(bytes(32)), io.BytesIO(b"twelve bytes"), sealed, chunk_bytes=5)
    >>> unseal(AESGCM(bytes(32)), io.BytesIO(sealed.getvalue()), plain, chunk_bytes=5), plain.getvalue()
    (12, b'twelve bytes')
    """
    out, total = Gathered(sink, most_bytes=chunk_bytes), 0
    with contextlib.closing(_pieces(source, chunk_bytes + TAG_BYTES)) as pieces:
        for number, (piece, last) in enumerate(pieces):
            size = len(piece) - TAG_BYTES
            # An empty last chunk after others would be a second way to write the same stream.
            if size < 0 or (size == 0 and number) or number >= MOST_CHUNKS:
                raise _cut(number)
            try:
                cipher.decrypt_into(nonce(number, last=last), piece, associated, out.room(size))
            except InvalidTag:
                raise _cut(number) from None
            out.put(size)
            total += size
    out.flush()
    return total


def _pieces(source: BinaryIO, size: int) -> Generator[tuple[memoryview, bool]]:
    """Pieces of a size and whether each is the last, which may be shorter; of an empty stream an empty one."""
    if type(source) is io.BytesIO:
        yield from _in_memory(source, size)
        return
    # One byte more than a piece: only if there is one is the piece not the last.
    buffer = memoryview(bytearray(size + 1))
    filled = fill(source, buffer)
    while filled > size:
        yield buffer[:size], False
        buffer[0] = buffer[size]
        filled = 1 + fill(source, buffer[1:])
    yield buffer[:filled], True


def _in_memory(source: io.BytesIO, size: int) -> Generator[tuple[memoryview, bool]]:
    """The same without a copy."""
    # The value is shared with whoever made it of bytes; the buffer would be a copy.
    whole = memoryview(source.getvalue())
    at = source.tell()
    while True:
        end = min(at + size, len(whole))
        source.seek(end)
        yield whole[at:end], end == len(whole)
        if end == len(whole):
            return
        at = end


def fill(source: BinaryIO, view: memoryview) -> int:
    """Read until the view is full or the stream ends; pipes give less than they are asked for."""
    have = 0
    while have < len(view):
        got = source.readinto(view[have:])  # type: ignore[attr-defined]
        if got is None:  # taken for the end, this would quietly cut the stream
            raise InvalidParameter("the stream does not wait for its data; open it in blocking mode")
        if not got:
            break
        have += got
    return have


def _cut(number: int) -> NotAuthentic:
    return NotAuthentic(f"chunk {number} was changed, moved or cut off; nothing was written. Get the file again")
