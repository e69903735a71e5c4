"""Files go in and out whole; memory does not grow with them; their recipients change without their body."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from privet.core.errors import InvalidParameter
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.files import FileFormat, decrypt_file, encrypt_file, rewrap_file
from privet.vault.x25519 import X25519Identity

KEY, OTHER = X25519Identity.generate(), X25519Identity.generate()
FORMS = pytest.mark.parametrize("form", list(FileFormat))
BINARY = pytest.mark.parametrize("form", [FileFormat.ENVELOPE, FileFormat.AGE])


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    made = os.urandom((2 << 20) + 17)
    (tmp_path / "plain").write_bytes(made)
    return made


@FORMS
def test_a_file_comes_back_and_only_its_owner_may_read_it(tmp_path: Path, content: bytes, form: FileFormat) -> None:
    encrypt_file(tmp_path / "plain", target=tmp_path / "sealed", recipients=[KEY.recipient()], form=form)
    decrypt_file(tmp_path / "sealed", target=tmp_path / "out", identities=[KEY])
    assert (tmp_path / "out").read_bytes() == content
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["out", "plain", "sealed"]


@FORMS
@pytest.mark.parametrize("harm", ["cut at the end", "cut at a chunk", "flip late", "flip early", "more"])
def test_a_harmed_file_leaves_no_output_and_no_old_output_changed(
    tmp_path: Path, content: bytes, form: FileFormat, harm: str
) -> None:
    encrypt_file(tmp_path / "plain", target=tmp_path / "sealed", recipients=[KEY.recipient()], form=form)
    whole = bytearray((tmp_path / "sealed").read_bytes())
    if harm.startswith("cut"):
        # Armor may lack its last line feed, as in age.
        del whole[-2 if harm.endswith("end") else -(17 + 16) :]
    elif harm == "more":
        whole += b"x"
    else:
        place = len(whole) - 60 if harm == "flip late" else len(whole) // 2
        whole[place] = ord("B") if whole[place] != ord("B") else ord("C")
    (tmp_path / "sealed").write_bytes(whole)
    (tmp_path / "old").write_text("old")
    for name in ("out", "old"):
        with pytest.raises(NotAuthentic):
            decrypt_file(tmp_path / "sealed", target=tmp_path / name, identities=[KEY])
    assert (tmp_path / "old").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["old", "plain", "sealed"]


def test_what_is_no_encrypted_file_is_refused(tmp_path: Path) -> None:
    for text in (b"", b"a,b\n1,2\n", b"age-encryption.org/v1\n", b"privet-envelope/v1", b"-----BEGIN AGE"):
        (tmp_path / "in").write_bytes(text)
        with pytest.raises(NotAuthentic):
            decrypt_file(tmp_path / "in", target=tmp_path / "out", identities=[KEY])
    with pytest.raises(InvalidParameter, match="cannot be read"):
        decrypt_file(tmp_path / "none", target=tmp_path / "out", identities=[KEY])
    assert os.listdir(tmp_path) == ["in"]


@BINARY
def test_new_recipients_leave_every_byte_of_the_body(tmp_path: Path, content: bytes, form: FileFormat) -> None:
    sealed = tmp_path / "sealed"
    encrypt_file(tmp_path / "plain", target=sealed, recipients=[KEY.recipient()], form=form)
    sealed.chmod(0o640)
    before = sealed.read_bytes()
    rewrap_file(sealed, identities=[KEY], recipients=[OTHER.recipient(), X25519Identity.generate().recipient()])
    after = sealed.read_bytes()
    assert len(after) > len(before)
    assert after[-len(content) :] == before[-len(content) :]
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o640
    decrypt_file(sealed, target=tmp_path / "out", identities=[OTHER])
    assert (tmp_path / "out").read_bytes() == content
    with pytest.raises(NoMatchingKey):
        decrypt_file(sealed, target=tmp_path / "none", identities=[KEY])


@BINARY
def test_who_cannot_open_a_file_cannot_pass_it_on(tmp_path: Path, content: bytes, form: FileFormat) -> None:
    sealed = tmp_path / "sealed"
    encrypt_file(tmp_path / "plain", target=sealed, recipients=[KEY.recipient()], form=form)
    before = sealed.read_bytes()
    with pytest.raises(NoMatchingKey):
        rewrap_file(sealed, identities=[OTHER], recipients=[OTHER.recipient()])
    assert sealed.read_bytes() == before


def test_a_file_may_be_encrypted_and_decrypted_in_its_own_place(tmp_path: Path, content: bytes) -> None:
    encrypt_file(tmp_path / "plain", target=tmp_path / "plain", recipients=[KEY.recipient()])
    assert (tmp_path / "plain").read_bytes() != content
    decrypt_file(tmp_path / "plain", target=tmp_path / "plain", identities=[KEY])
    assert (tmp_path / "plain").read_bytes() == content


def test_armored_text_is_not_rewrapped(tmp_path: Path, content: bytes) -> None:
    sealed = tmp_path / "sealed"
    encrypt_file(tmp_path / "plain", target=sealed, recipients=[KEY.recipient()], form=FileFormat.AGE_ARMOR)
    with pytest.raises(InvalidParameter, match="armored"):
        rewrap_file(sealed, identities=[KEY], recipients=[OTHER.recipient()])


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    # Under a limit of address space that 200 MiB of content could not pass.
    code = (
        "import resource, sys\n"
        "from privet.vault.files import *; from privet.vault.x25519 import X25519Identity\n"
        "key = X25519Identity.generate()\n"
        "encrypt_file(sys.argv[1] + '/small', target=sys.argv[1] + '/out', recipients=[key.recipient()])\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + (20 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used, used))\n"
        "encrypt_file(sys.argv[1] + '/large', target=sys.argv[1] + '/sealed', recipients=[key.recipient()])\n"
        "decrypt_file(sys.argv[1] + '/sealed', target=sys.argv[1] + '/back', identities=[key])\n"
    )
    if not os.path.exists("/proc/self/statm") or not hasattr(resource, "RLIMIT_AS"):
        pytest.skip("this system does not say how much memory is used")
    (tmp_path / "small").write_bytes(b"x")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(100 << 20)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=120)
    assert (tmp_path / "back").stat().st_size == 100 << 20
