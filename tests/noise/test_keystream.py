"""Keystreams never repeat: not across sources, threads, forks, copies or keys."""

from __future__ import annotations

import copy
import os
import pickle
import threading

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from privet.core.errors import InvalidParameter, SealedValue
from privet.noise import keystream
from privet.noise.keystream import Keystream, expansion
from privet.noise.secure import SecureNoise


def child_reads(stream: Keystream, count: int) -> bytes:
    """What a forked child gets from a stream that its parent made."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(into, stream.read(count))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        return pipe.read()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_never_repeats_its_parent() -> None:
    stream = Keystream()
    first, second = child_reads(stream, 64), child_reads(stream, 64)
    own = stream.read(64)
    assert len({first, second, own}) == 3
    assert all(len(part) == 64 for part in (first, second, own))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_is_not_blocked_by_locks_that_other_threads_held_at_the_fork() -> None:
    stream = Keystream()
    with stream._stream.lock, keystream._GENERATION.lock:
        assert len(child_reads(stream, 8)) == 8


def test_a_new_process_id_alone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """C code can fork without running Python's hooks; the process id still differs."""
    stream = Keystream()
    old = stream._stream
    stream.read(1)
    assert stream._stream is old
    monkeypatch.setattr(os, "getpid", lambda: -1)
    stream.read(1)
    assert stream._stream is not old


def test_bytes_are_the_counter_mode_stream_of_the_key_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(32))
    monkeypatch.setattr(os, "urandom", lambda count: key[:count])
    stream = Keystream()
    read = b"".join(stream.read(count) for count in (0, 1, 15, 70_000, 200_000))
    assert read == Cipher(AES(key), CTR(bytes(16))).encryptor().update(bytes(len(read)))


def test_the_known_answer_of_the_standard_is_met() -> None:
    """NIST SP 800-38A, section F.5.5, first block of CTR-AES256.Encrypt."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    counter = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert Cipher(AES(key), CTR(counter)).encryptor().update(plain).hex() == "601ec313775789a5b7a7f504bbf3d228"


def test_no_two_threads_get_the_same_bytes() -> None:
    stream = Keystream()
    found: list[bytes] = []

    def work() -> None:
        found.extend(stream.read(16) for _ in range(2000))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(found) == 8000


def test_a_key_is_replaced_after_its_share_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystream, "BYTES_PER_KEY", 100)
    stream = Keystream()
    first = stream._stream
    stream.read(99)
    stream.read(1)
    assert stream._stream is first
    stream.read(1)
    assert stream._stream is not first


@pytest.mark.parametrize("make", [Keystream, SecureNoise])
def test_a_source_cannot_be_copied_pickled_or_seeded(make: type) -> None:
    source = make()
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(SealedValue):
            attempt(source)
    with pytest.raises(TypeError):
        make(1)
    with pytest.raises(TypeError):
        make(seed=1)


def test_two_sources_share_nothing() -> None:
    assert Keystream().read(32) != Keystream().read(32)


def test_negative_counts_and_short_keys_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="count"):
        Keystream().read(-1)
    with pytest.raises(InvalidParameter, match="16 bytes"):
        expansion(bytes(16))


def test_an_expansion_goes_on_across_buffers_and_depends_on_the_key() -> None:
    whole, parts = bytearray(100_000), [bytearray(33_333), bytearray(66_667)]
    expansion(bytes(32))(whole)
    fill = expansion(bytes(32))
    for part in parts:
        fill(part)
    assert whole == parts[0] + parts[1]
    other = bytearray(100_000)
    expansion(b"\x01" + bytes(31))(other)
    assert other != whole
