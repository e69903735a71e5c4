"""Envelopes: who can open them, and that nothing of them can be changed."""

from __future__ import annotations

import copy
import io
import os
import pickle

import pytest

from privet.core.errors import InvalidParameter, SealedValue
from privet.vault import age, envelope
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.header import MOST_HEADER_BYTES
from privet.vault.passphrase import Argon2Cost, Passphrase
from privet.vault.x25519 import X25519Identity

from .streams import plain, quick, sealed

ALICE, BOB, EVE = (X25519Identity.generate() for _ in range(3))
SMALL = 12
FORMS = pytest.mark.parametrize("form", [age, envelope], ids=["age", "envelope"])


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 3 * 4096, 50_000])
def test_every_length_comes_back(length: int) -> None:
    content = os.urandom(length)
    assert plain(envelope, sealed(envelope, content, ALICE.recipient(), log_chunk_bytes=SMALL), ALICE) == content


@FORMS
def test_every_recipient_opens_it_and_nobody_else(form) -> None:
    whole = sealed(form, b"records", ALICE.recipient(), BOB.recipient())
    assert plain(form, whole, ALICE) == plain(form, whole, BOB) == plain(form, whole, EVE, BOB) == b"records"
    with pytest.raises(NoMatchingKey):
        plain(form, whole, EVE)
    with pytest.raises(NoMatchingKey):
        plain(form, whole)


@FORMS
def test_a_passphrase_opens_it_and_another_does_not(form) -> None:
    whole = sealed(form, b"records", quick("a long one"))
    assert plain(form, whole, quick("a long one")) == b"records"
    with pytest.raises(NoMatchingKey, match="passphrase"):
        plain(form, whole, quick("a long on"))
    with pytest.raises(NoMatchingKey):
        plain(form, whole, ALICE)


@FORMS
def test_a_passphrase_goes_alone(form) -> None:
    for others in ([ALICE.recipient()], [quick("another")]):
        with pytest.raises(InvalidParameter, match="passphrase goes with no other"):
            sealed(form, b"", quick("a long one"), *others)
    with pytest.raises(InvalidParameter, match="nobody"):
        sealed(form, b"")


@FORMS
def test_a_change_of_any_byte_and_a_cut_at_any_place_is_refused(form) -> None:
    whole = sealed(form, b"these are the records", ALICE.recipient(), BOB.recipient())
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 + place % 255
        with pytest.raises((NotAuthentic, NoMatchingKey)):
            plain(form, bytes(changed), ALICE)
        with pytest.raises((NotAuthentic, NoMatchingKey)):
            plain(form, whole[:place], ALICE)


@FORMS
def test_two_files_of_the_same_content_have_nothing_in_common(form) -> None:
    first, second = (sealed(form, bytes(64), ALICE.recipient()) for _ in range(2))
    assert first[-80:] != second[-80:]
    assert first.splitlines()[1:3] != second.splitlines()[1:3]


def test_a_body_goes_only_with_its_own_header() -> None:
    first, second = (sealed(envelope, b"some records", ALICE.recipient()) for _ in range(2))
    end = first.index(b"\n--- ") + 49
    with pytest.raises(NotAuthentic):
        plain(envelope, first[:end] + second[end:], ALICE)


def test_other_recipients_need_a_new_header_only() -> None:
    whole = sealed(envelope, b"some records", ALICE.recipient(), EVE.recipient())
    stream = io.BytesIO(whole)
    header = envelope.rewrap_header(stream, identities=[ALICE], recipients=[BOB.recipient()])
    body = stream.read()
    assert whole.endswith(body)
    assert plain(envelope, header + body, BOB) == b"some records"
    for old in (ALICE, EVE):
        with pytest.raises(NoMatchingKey):
            plain(envelope, header + body, old)


def test_a_stanza_of_one_format_does_not_serve_in_the_other() -> None:
    whole = sealed(age, b"", ALICE.recipient())
    stanza = whole[whole.index(b"-> ") : whole.index(b"---")]
    first = sealed(envelope, b"", ALICE.recipient()).splitlines(keepends=True)[0]
    with pytest.raises(NotAuthentic, match="parts it must have"):
        plain(envelope, first + stanza + b"--- " + b"A" * 43 + b"\n", ALICE)


@pytest.mark.parametrize("log_chunk_bytes", [11, 25, 0, -1])
def test_a_chunk_size_outside_its_limits_is_refused(log_chunk_bytes: int) -> None:
    with pytest.raises(InvalidParameter, match="chunks of"):
        sealed(envelope, b"", ALICE.recipient(), log_chunk_bytes=log_chunk_bytes)


def test_a_file_cannot_ask_for_more_memory_than_the_limit() -> None:
    whole = sealed(envelope, b"", quick("words"))
    for old, new in [(b" 32 1 1\n", b" 4194304 1 1\n"), (b" 32 1 1\n", b" 32 9999999999 1\n"), (b" 32 ", b" 032 ")]:
        assert old in whole
        with pytest.raises(NotAuthentic):
            plain(envelope, whole.replace(old, new), quick("words"))
    scrypt = sealed(age, b"", quick("words"))
    with pytest.raises(NotAuthentic, match="scrypt work"):
        plain(age, scrypt.replace(b" 4\n", b" 23\n"), quick("words"))


def test_a_header_without_end_is_not_read_into_memory() -> None:
    endless = io.BytesIO(b"privet-envelope/v1 " + b"x" * (3 * MOST_HEADER_BYTES))
    with pytest.raises(NotAuthentic):
        envelope.decrypt(endless, io.BytesIO(), identities=[ALICE])
    assert endless.tell() <= MOST_HEADER_BYTES + 1


def test_the_default_passphrase_costs_what_the_standard_recommends() -> None:
    assert Argon2Cost() == Argon2Cost(memory_kib=64 * 1024, passes=3, lanes=4)
    assert b" 65536 3 4\n" in sealed(envelope, b"", Passphrase("words of a default"))


def test_secrets_do_not_show_copy_or_pickle() -> None:
    phrase, text = quick("so secret"), ALICE.secret_text()
    for secret, hidden in [(phrase, "so secret"), (ALICE, text)]:
        assert hidden not in repr(secret) + str(secret)
        for take in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(SealedValue):
                take(secret)
    with pytest.raises(InvalidParameter, match="empty"):
        Passphrase("")
