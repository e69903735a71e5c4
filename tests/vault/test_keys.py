"""Keys on disk: for their owner alone, under a passphrase, never shown, never lost by a change."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter, SealedValue
from privet.vault import key_ring
from privet.vault.derive import derive_key, hkdf
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.key_files import create_key_file, read_key_file, read_recipients
from privet.vault.key_ring import KeyRing, change_ring, create_ring, open_ring
from privet.vault.private_files import create_private, read_private
from privet.vault.x25519 import X25519Identity

from .streams import age_program, quick

PHRASE = quick("the ring's passphrase")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o700 | 0o001])
def test_a_secret_file_that_others_may_touch_is_not_read(tmp_path: Path, mode: int) -> None:
    create_key_file(tmp_path / "key")
    create_ring(tmp_path / "ring", passphrase=PHRASE)
    for name in ("key", "ring"):
        (tmp_path / name).chmod(mode)
    with pytest.raises(InvalidParameter, match="chmod 600"):
        read_key_file(tmp_path / "key")
    with pytest.raises(InvalidParameter, match="chmod 600"):
        open_ring(tmp_path / "ring", passphrase=PHRASE)
    with pytest.raises(InvalidParameter, match="chmod 600"):
        change_ring(tmp_path / "ring", passphrase=PHRASE, change=lambda ring: ring)


def test_what_is_no_file_is_not_read_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, text in [(tmp_path / "pipe", "not a file"), (tmp_path, "cannot be read"), (tmp_path / "none", "is it")]:
        with pytest.raises(InvalidParameter, match=text):
            read_private(path)
    create_private(tmp_path / "large", bytes((1 << 20) + 1))
    with pytest.raises(InvalidParameter, match="1 MiB"):
        read_private(tmp_path / "large")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key_file(tmp_path / "key")
    os.chown(tmp_path / "key", 12345, -1)
    with pytest.raises(InvalidParameter, match="another user"):
        read_key_file(tmp_path / "key")


def test_a_key_file_is_made_once_for_its_owner_and_read_back(tmp_path: Path) -> None:
    recipient = create_key_file(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [identity.recipient() for identity in read_key_file(tmp_path / "key")] == [recipient]
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(InvalidParameter, match="not overwritten"):
        create_key_file(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


def test_the_program_reads_our_key_files(tmp_path: Path) -> None:
    recipient = create_key_file(tmp_path / "key")
    sealed = age_program("-r", str(recipient), given=b"records").stdout
    assert age_program("-d", "-i", tmp_path / "key", given=sealed).stdout == b"records"


def test_files_of_several_keys_and_comments_are_read_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    keys = [X25519Identity.generate() for _ in range(2)]
    create_private(tmp_path / "keys", "\n# mine\n".join(key.secret_text() for key in keys).encode())
    assert [key.recipient() for key in read_key_file(tmp_path / "keys")] == [key.recipient() for key in keys]
    (tmp_path / "to").write_text("# all of us\n\n" + "\r\n".join(str(key.recipient()) for key in keys))
    assert read_recipients(tmp_path / "to") == [key.recipient() for key in keys]
    create_private(tmp_path / "wrong", f"# x\n{keys[0].secret_text()[:-1]}é\n".encode())
    with pytest.raises(InvalidParameter, match="wrong, line 2") as caught:
        read_key_file(tmp_path / "wrong")
    assert keys[0].secret_text()[20:40] not in str(caught.value)
    create_private(tmp_path / "empty", b"# nothing\n")
    with pytest.raises(InvalidParameter, match="holds no key"):
        read_key_file(tmp_path / "empty")


def test_a_ring_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    made = create_ring(tmp_path / "ring", passphrase=PHRASE, ring=KeyRing.new().with_key("alice"))
    assert stat.S_IMODE((tmp_path / "ring").stat().st_mode) == 0o600
    opened = open_ring(tmp_path / "ring", passphrase=PHRASE)
    assert opened.recipient("alice") == made.recipient("alice")
    assert opened.derived("pseudonyms") == made.derived("pseudonyms")
    with pytest.raises(NoMatchingKey, match="does not open the key ring"):
        open_ring(tmp_path / "ring", passphrase=quick("another"))
    with pytest.raises(InvalidParameter, match="not overwritten"):
        create_ring(tmp_path / "ring", passphrase=PHRASE)
    with pytest.raises(InvalidParameter, match="it has: alice"):
        opened.recipient("bob")


def test_a_ring_shows_nothing_in_clear(tmp_path: Path) -> None:
    made = create_ring(tmp_path / "ring", passphrase=PHRASE, ring=KeyRing.new().with_key("alice"))
    text = (tmp_path / "ring").read_bytes()
    assert b"alice" not in text
    assert made.master not in text
    secret = made.identities()[0].secret_text()
    assert secret.encode() not in text
    assert secret not in repr(made)
    for take in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(SealedValue):
            take(made)


def test_a_change_of_any_byte_of_a_ring_is_noticed(tmp_path: Path) -> None:
    create_ring(tmp_path / "ring", passphrase=PHRASE)
    whole = (tmp_path / "ring").read_bytes()
    for place in range(0, len(whole), 3):
        (tmp_path / "ring").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises((NotAuthentic, NoMatchingKey)):
            open_ring(tmp_path / "ring", passphrase=PHRASE)


def test_an_envelope_of_something_else_is_no_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from privet.vault import envelope

    from .streams import sealed

    for body in (b"", b"[]", b"{}", b"x", b'{"format": "privet-key-ring/1", "keys": []}'):
        (tmp_path / "ring").unlink(missing_ok=True)
        create_private(tmp_path / "ring", sealed(envelope, body, PHRASE))
        with pytest.raises(NotAuthentic, match="no key ring"):
            open_ring(tmp_path / "ring", passphrase=PHRASE)


def test_a_key_that_was_replaced_opens_until_it_is_dropped() -> None:
    ring = KeyRing.new().with_key("alice").with_key("bob")
    old = ring.recipient("alice")
    newer = ring.with_key("alice")
    assert newer.recipient("alice") != old
    assert newer.recipient("bob") == ring.recipient("bob")
    assert old in [identity.recipient() for identity in newer.identities()]
    assert newer.identities()[0].recipient() == newer.recipient("alice")
    assert old not in [identity.recipient() for identity in newer.without_former("alice").identities()]
    assert newer.without_former("alice").recipient("alice") == newer.recipient("alice")
    for wrong in ("", "a\nb"):
        with pytest.raises(InvalidParameter):
            ring.with_key(wrong)


def test_the_passphrase_of_a_ring_changes_and_its_keys_do_not(tmp_path: Path) -> None:
    made = create_ring(tmp_path / "ring", passphrase=PHRASE, ring=KeyRing.new().with_key("alice"))
    new = quick("a new passphrase")
    change_ring(tmp_path / "ring", passphrase=PHRASE, change=lambda ring: ring, new_passphrase=new)
    assert open_ring(tmp_path / "ring", passphrase=new).recipient("alice") == made.recipient("alice")
    with pytest.raises(NoMatchingKey):
        open_ring(tmp_path / "ring", passphrase=PHRASE)
    assert stat.S_IMODE((tmp_path / "ring").stat().st_mode) == 0o600


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    create_ring(tmp_path / "ring", passphrase=PHRASE)

    def add(name: str) -> None:
        change_ring(tmp_path / "ring", passphrase=PHRASE, change=lambda ring: ring.with_key(name))

    threads = [threading.Thread(target=add, args=(f"key {number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(open_ring(tmp_path / "ring", passphrase=PHRASE).keys) == 12


def test_a_change_that_fails_leaves_the_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_ring(tmp_path / "ring", passphrase=PHRASE)
    before = (tmp_path / "ring").read_bytes()
    monkeypatch.setattr(key_ring, "_sealed", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        change_ring(tmp_path / "ring", passphrase=PHRASE, change=lambda ring: ring)
    assert (tmp_path / "ring").read_bytes() == before
    assert os.listdir(tmp_path) == ["ring"]


def test_hkdf_is_that_of_the_standard() -> None:
    # RFC 5869, test cases 1 and 3.
    secret, salt, info = b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA))
    assert hkdf(secret, salt=salt, info=info, length=42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert hkdf(secret, info=b"", length=42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


@given(first=st.tuples(st.text(min_size=1), st.text()), second=st.tuples(st.text(min_size=1), st.text()))
def test_keys_of_two_purposes_are_the_same_only_if_the_purposes_are(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    secret = bytes(range(32))
    keys = [derive_key(secret, purpose=purpose, context=context) for purpose, context in (first, second)]
    assert (keys[0] == keys[1]) == (first == second)


def test_a_derived_key_does_not_change_from_version_to_version() -> None:
    made = derive_key(bytes(range(32)), purpose="pseudonyms", context="id", length=16)
    domain = b"privet vault derived key 1"
    info = b"".join(len(part).to_bytes(4, "big") + part for part in (domain, b"pseudonyms", b"id"))
    assert made == hkdf(bytes(range(32)), info=info, length=16)
    with pytest.raises(InvalidParameter, match="15 bytes"):
        derive_key(bytes(15), purpose="x")
    with pytest.raises(InvalidParameter, match="purpose"):
        derive_key(bytes(32), purpose="")


def test_boxes_open_for_their_recipient_only() -> None:
    pytest.importorskip("nacl", reason='PyNaCl is not installed; pip install "privet[vault]"')
    from nacl.public import PrivateKey, SealedBox

    from privet.vault.boxes import open_box, seal_box

    key, other = X25519Identity.generate(), X25519Identity.generate()
    box = seal_box(b"a token", recipient=key.recipient())
    assert len(box) == 7 + 48
    assert open_box(box, identities=[other, key]) == b"a token"
    assert SealedBox(PrivateKey(key.secret.private_bytes_raw())).decrypt(box) == b"a token"
    for wrong in (box[:-1], b"", bytes([box[0] ^ 1]) + box[1:], box[:-1] + bytes([box[-1] ^ 1])):
        with pytest.raises(NoMatchingKey):
            open_box(wrong, identities=[key])
    with pytest.raises(NoMatchingKey):
        open_box(box, identities=[other])
    with pytest.raises(InvalidParameter, match="small secret"):
        seal_box(bytes(70_000), recipient=key.recipient())


def test_versions_of_a_key_of_pseudonyms_stay_what_they_are(tmp_path: Path) -> None:
    ring = create_ring(tmp_path / "ring", passphrase=PHRASE, ring=KeyRing.new().with_pseudonym_key("patients"))
    first = ring.pseudonym_key("patients")
    change_ring(tmp_path / "ring", passphrase=PHRASE, change=lambda old: old.with_pseudonym_key("patients"))
    later = open_ring(tmp_path / "ring", passphrase=PHRASE).with_pseudonym_key("staff")
    assert later.versions("patients") == (1, 2)
    assert later.pseudonym_key("patients") == first
    keys = {first, later.pseudonym_key("patients", version=2), later.pseudonym_key("staff")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)


def test_a_dropped_version_is_gone_and_its_number_is_not_given_again() -> None:
    ring = KeyRing.new().with_pseudonym_key("p").with_pseudonym_key("p").with_pseudonym_key("q").with_pseudonym_key("q")
    dropped = ring.without_former_pseudonyms("p")
    assert (dropped.versions("p"), dropped.versions("q")) == ((2,), (1, 2))
    assert dropped.pseudonym_key("p", version=2) == ring.pseudonym_key("p", version=2)
    with pytest.raises(InvalidParameter, match="no version 1 of 'p'; it has: 2"):
        dropped.pseudonym_key("p")
    assert dropped.with_pseudonym_key("p").versions("p") == (2, 3)
    with pytest.raises(InvalidParameter, match="it has: p, q"):
        ring.without_former_pseudonyms("none")


def test_one_name_is_one_kind_of_key() -> None:
    with pytest.raises(InvalidParameter, match="another kind"):
        KeyRing.new().with_key("a").with_pseudonym_key("a")
    with pytest.raises(InvalidParameter, match="another kind"):
        KeyRing.new().with_pseudonym_key("a").with_key("a")


def test_a_ring_of_the_first_format_opens(tmp_path: Path) -> None:
    from privet.vault import envelope

    from .streams import sealed

    ring = KeyRing.new()
    body = f'{{"format": "privet-key-ring/1", "master": "{key_ring.encode64(ring.master)}", "keys": []}}'
    create_private(tmp_path / "ring", sealed(envelope, body.encode(), PHRASE))
    opened = open_ring(tmp_path / "ring", passphrase=PHRASE)
    assert (opened.master, opened.keys, opened.pseudonyms) == (ring.master, (), ())


def test_a_secret_file_is_made_once_however_many_try(tmp_path: Path) -> None:
    made = []

    def try_to_make(number: int) -> None:
        with contextlib.suppress(InvalidParameter):
            create_private(tmp_path / "key", str(number).encode() * 1000)
            made.append(number)

    threads = [threading.Thread(target=try_to_make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert read_private(tmp_path / "key") == str(made[0]).encode() * 1000
    assert os.listdir(tmp_path) == ["key"]
