"""A stream opens whole, in order, uncut, or not at all."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.vault import chunks, gathered
from privet.vault.chunks import TAG_BYTES, nonce, seal, unseal
from privet.vault.errors import NotAuthentic

KEY, CHUNK = bytes(range(32)), 16


def written(content: bytes, *, associated: bytes | None = None) -> bytes:
    sink = io.BytesIO()
    seal(AESGCM(KEY), io.BytesIO(content), sink, chunk_bytes=CHUNK, associated=associated)
    return sink.getvalue()


def read(content: bytes, *, associated: bytes | None = None) -> bytes:
    sink = io.BytesIO()
    unseal(AESGCM(KEY), io.BytesIO(content), sink, chunk_bytes=CHUNK, associated=associated)
    return sink.getvalue()


def plain_reference(content: bytes) -> bytes:
    """STREAM as the paper has it: cut, number, mark the last."""
    parts = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)] or [b""]
    return b"".join(
        AESGCM(KEY).encrypt(nonce(place, last=place == len(parts) - 1), part, None) for place, part in enumerate(parts)
    )


class Dripping(io.RawIOBase):
    """Gives a few bytes at a time, as a pipe does."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        part = self.inner.read(min(3, len(buffer)))
        buffer[: len(part)] = part
        return len(part)


@given(content=st.binary(max_size=5 * CHUNK))
def test_what_is_sealed_is_what_the_reference_seals_and_opens_again(content: bytes) -> None:
    assert written(content) == plain_reference(content)
    assert read(written(content)) == content


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK])
def test_a_stream_that_drips_is_sealed_as_one_that_pours(length: int) -> None:
    content, sink, back = os.urandom(length), io.BytesIO(), io.BytesIO()
    seal(AESGCM(KEY), Dripping(content), sink, chunk_bytes=CHUNK)  # type: ignore[arg-type]
    assert sink.getvalue() == written(content)
    unseal(AESGCM(KEY), Dripping(sink.getvalue()), back, chunk_bytes=CHUNK)  # type: ignore[arg-type]
    assert back.getvalue() == content


@pytest.mark.parametrize("length", [0, 1, CHUNK, 3 * CHUNK, 3 * CHUNK + 5])
def test_a_flip_of_any_bit_is_noticed(length: int) -> None:
    whole = written(os.urandom(length))
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(NotAuthentic):
            read(bytes(changed))


@pytest.mark.parametrize("length", [0, 1, CHUNK, 3 * CHUNK, 3 * CHUNK + 5])
def test_a_cut_at_any_place_is_noticed(length: int) -> None:
    whole = written(os.urandom(length))
    for kept in range(len(whole)):
        with pytest.raises(NotAuthentic):
            read(whole[:kept])


def test_chunks_moved_repeated_left_out_or_added_are_noticed() -> None:
    whole, step = written(os.urandom(4 * CHUNK)), CHUNK + TAG_BYTES
    a, b, c, d = (whole[at : at + step] for at in range(0, 4 * step, step))
    wrong = [b + a + c + d, a + a + b + c + d, a + c + d, b + c + d, a + b + d, a + b + c + d + d, a + b + c + d + b"x"]
    assert read(a + b + c + d)
    for changed in wrong:
        with pytest.raises(NotAuthentic):
            read(changed)


def test_an_empty_last_chunk_after_others_is_refused_though_its_tag_is_right() -> None:
    first = AESGCM(KEY).encrypt(nonce(0, last=False), bytes(CHUNK), None)
    with pytest.raises(NotAuthentic):
        read(first + AESGCM(KEY).encrypt(nonce(1, last=True), b"", None))


def test_another_header_does_not_open_the_body() -> None:
    whole = written(b"body", associated=b"header")
    assert read(whole, associated=b"header") == b"body"
    with pytest.raises(NotAuthentic):
        read(whole, associated=b"Header")


def test_what_was_written_before_a_change_is_a_beginning_of_what_was_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "PIECE_BYTES", CHUNK - 1)
    content = os.urandom(4 * CHUNK)
    changed = bytearray(written(content))
    changed[3 * (CHUNK + TAG_BYTES)] ^= 1
    sink = io.BytesIO()
    with pytest.raises(NotAuthentic):
        unseal(AESGCM(KEY), io.BytesIO(bytes(changed)), sink, chunk_bytes=CHUNK)
    assert sink.getvalue() == content[: 3 * (CHUNK - 1)]


@given(st.lists(st.integers(0, 70), max_size=30), st.integers(1, 50))
def test_odd_lengths_are_written_in_whole_pieces(lengths: list[int], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathered, "PIECE_BYTES", piece)
        written: list[bytes] = []
        sink = SimpleNamespace(write=lambda content: written.append(bytes(content)))
        out, content = gathered.Gathered(sink, most_bytes=70), os.urandom(sum(lengths))
        at = 0
        for length in lengths:
            out.room(length)[:] = content[at : at + length]
            out.put(length)
            at += length
        out.flush()
    assert b"".join(written) == content
    assert all(len(part) == piece for part in written[:-1])


def test_a_stream_too_long_for_its_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 2)
    assert read(written(bytes(2 * CHUNK))) == bytes(2 * CHUNK)
    with pytest.raises(InvalidParameter, match="longer than 2 chunks"):
        written(bytes(2 * CHUNK + 1))


def test_a_stream_that_does_not_wait_is_refused_and_not_cut() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb", buffering=0) as source, os.fdopen(writing, "wb"):
        with pytest.raises(InvalidParameter, match="blocking"):
            seal(AESGCM(KEY), source, io.BytesIO(), chunk_bytes=CHUNK)
