"""The age v1 format: what the real program writes opens here, what we write opens there, and both refuse the same."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.vault import age
from privet.vault.armor import Armoring, Dearmored
from privet.vault.errors import NoMatchingKey, NotAuthentic, VaultError
from privet.vault.files import FileFormat, decrypt_file, encrypt_file
from privet.vault.formats import AGE
from privet.vault.header import Stanza, encode64, write_header
from privet.vault.x25519 import X25519Identity, X25519Recipient

from .streams import age_program, plain, quick, sealed

# C2SP age v1, "The X25519 recipient type".
SPEC_SECRET = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
SPEC_RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

# C2SP/CCTV, age test vector "armor" (CC0): key, and the payload's SHA-256.
VECTOR_SECRET = "AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVLUL66MV4QX3S7F6"
VECTOR_SHA256 = "013f54400c82da08037759ada907a8b864e97de81c088a182062c4b5622fd2ab"
VECTOR = """-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY
TnlDVkpwTDdPdXdQZFZ3UEw3S1FFYkZET0NjCkVtRUNBRWNLTituL1ZzOVNiV2lW
K0h1MHIrRThSNzdEZFdZeWQ4M253N1UKLS0tIFZuKzU0anFpaVVDRStXWmNFVlkz
ZjFzcUhqbHUvejFMQ1EvVDdYbTdxSTAK7s9ix86RtDMnTmjU8vkTTLdMW/73vqpS
yPC8DpksHoMx+2Y=
-----END AGE ENCRYPTED FILE-----
"""

KEY, OTHER = X25519Identity.generate(), X25519Identity.generate()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.txt"
    path.write_text(KEY.secret_text() + "\n")
    return path


def test_keys_are_those_of_the_specification() -> None:
    key = X25519Identity.parse(SPEC_SECRET)
    assert key.secret.private_bytes_raw() == b"\x42" * 32
    assert str(key.recipient()) == SPEC_RECIPIENT
    assert key.secret_text() == SPEC_SECRET
    assert X25519Identity.parse(SPEC_SECRET.lower()).secret_text() == SPEC_SECRET


@pytest.mark.parametrize("text", [SPEC_RECIPIENT, "age1", SPEC_SECRET[:-1], SPEC_SECRET.replace("1G", "1g")])
def test_what_is_no_secret_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        X25519Identity.parse(text)


def test_a_secret_key_given_as_recipient_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidParameter, match="secret key") as caught:
        X25519Recipient.parse(SPEC_SECRET)
    assert SPEC_SECRET[20:40] not in str(caught.value)


def test_a_test_vector_of_the_specification_opens(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "vector.age").write_text(VECTOR)
    identity = X25519Identity.parse(VECTOR_SECRET)
    decrypt_file(tmp_path / "vector.age", target=tmp_path / "out", identities=[identity])
    assert hashlib.sha256((tmp_path / "out").read_bytes()).hexdigest() == VECTOR_SHA256


LENGTHS = pytest.mark.parametrize("length", [0, 1, 65535, 65536, 65537, 2 * 65536, 200_000])


@LENGTHS
@pytest.mark.parametrize("form", [FileFormat.AGE, FileFormat.AGE_ARMOR])
def test_the_program_opens_what_we_encrypt(tmp_path: Path, key_file: Path, length: int, form: FileFormat) -> None:
    content = os.urandom(length)
    (tmp_path / "plain").write_bytes(content)
    recipients = [OTHER.recipient(), KEY.recipient()]
    encrypt_file(tmp_path / "plain", target=tmp_path / "sealed.age", recipients=recipients, form=form)
    done = age_program("-d", "-i", key_file, tmp_path / "sealed.age")
    assert (done.returncode, done.stdout) == (0, content), done.stderr


@LENGTHS
@pytest.mark.parametrize("flags", [[], ["-a"]], ids=["binary", "armored"])
def test_we_open_what_the_program_encrypts(tmp_path: Path, length: int, flags: list[str]) -> None:
    content = os.urandom(length)
    done = age_program(*flags, "-r", str(OTHER.recipient()), "-r", str(KEY.recipient()), given=content)
    assert done.returncode == 0, done.stderr
    (tmp_path / "sealed.age").write_bytes(done.stdout)
    decrypt_file(tmp_path / "sealed.age", target=tmp_path / "out", identities=[KEY])
    assert (tmp_path / "out").read_bytes() == content


def with_terminal(tmp_path: Path, *arguments: str | Path, answers: list[str]) -> None:
    """Run age where it can ask for a passphrase: it takes it from a terminal only."""
    import pty

    age_program("--version")
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("age", ["age", *map(str, arguments)])
    try:
        for answer in answers:
            seen = b""
            while not seen.rstrip().endswith(b":"):
                seen += os.read(terminal, 1024)
            os.write(terminal, answer.encode() + b"\n")
        with pytest.raises(OSError):  # how a terminal says that nobody is left
            while os.read(terminal, 1024):
                pass
    finally:
        _, status = os.waitpid(child, 0)
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0


def test_the_program_opens_our_passphrase_and_we_open_its(tmp_path: Path) -> None:
    from privet.vault.passphrase import Passphrase

    phrase = Passphrase("correct horse battery staple", scrypt_log_work=12)
    (tmp_path / "plain").write_bytes(b"records")
    encrypt_file(tmp_path / "plain", target=tmp_path / "ours.age", recipients=[phrase], form=FileFormat.AGE)
    with_terminal(tmp_path, "-d", "-o", tmp_path / "out", tmp_path / "ours.age", answers=[phrase.text])
    assert (tmp_path / "out").read_bytes() == b"records"
    with_terminal(tmp_path, "-p", "-o", tmp_path / "theirs.age", tmp_path / "plain", answers=[phrase.text] * 2)
    decrypt_file(tmp_path / "theirs.age", target=tmp_path / "back", identities=[phrase])
    assert (tmp_path / "back").read_bytes() == b"records"


FILE_KEY = b"YELLOW SUBMARINE"
STANZA = KEY.recipient().wrap(FILE_KEY, form=AGE)
SHARE = STANZA.words[1]


def made(*stanzas: Stanza, change: Callable[[bytes], bytes] = bytes) -> bytes:
    """A file of these stanzas whose text is changed before its MAC is made: only its form can be wrong."""
    import hashlib
    import hmac
    import io

    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    from privet.vault.chunks import seal
    from privet.vault.derive import hkdf

    text = write_header(AGE.label, stanzas=stanzas, file_key=FILE_KEY)
    covered = change(text[: text.rindex(b"--- ")]) + b"---"
    mac = hmac.new(hkdf(FILE_KEY, info=b"header"), covered, hashlib.sha256).digest()
    body, nonce = io.BytesIO(), bytes(16)
    seal(ChaCha20Poly1305(hkdf(FILE_KEY, salt=nonce, info=b"payload")), io.BytesIO(b"age"), body, chunk_bytes=65536)
    return covered + b" " + encode64(mac).encode() + b"\n" + nonce + body.getvalue()


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        assert old in text
        return text.replace(old, new)

    return change


def not_canonical(text: str) -> str:
    """The same bytes in another spelling: the last letter's spare bits are set."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + letters[letters.index(text[-1]) | 1]


BODY_TEXT = encode64(STANZA.body)
FULL, EMPTY_END = b"A" * 64, Stanza(("grease",), bytes(48))

# The cases of the specification's test suite (C2SP/CCTV, age), each made here.
GOOD = {
    "plain": made(STANZA),
    "unknown stanza before": made(Stanza(("grease", "words"), b"x"), STANZA),
    "unknown stanza without body": made(Stanza(("grease",), b""), STANZA),
    "body whose last line is empty": made(EMPTY_END, STANZA),
    "body of two lines": made(Stanza(("grease",), bytes(60)), STANZA),
    "every printable letter": made(Stanza(tuple(chr(code) for code in range(0x21, 0x7F)), b""), STANZA),
    "for somebody else too": made(OTHER.recipient().wrap(FILE_KEY, form=AGE), STANZA),
}
BAD = {
    "no stanza": made(STANZA, change=lambda text: text[: text.index(b"-> ")]),
    "another version": made(STANZA, change=swap(b"/v1", b"/v2")),
    "line ends of another system": made(STANZA, change=swap(b"\n", b"\r\n")),
    "stanza with a short mark": made(STANZA, change=swap(b"-> X", b"->X")),
    "empty word": made(STANZA, change=swap(b"X25519 ", b"X25519  ")),
    "no word": made(STANZA, change=swap(b"-> X25519", b"-> ")),
    "letter that does not print": made(Stanza(("grease",), b""), STANZA, change=swap(b"grease", b"gr\x7fase")),
    "body padded": made(STANZA, change=swap(BODY_TEXT.encode(), BODY_TEXT.encode() + b"=")),
    "body not canonical": made(STANZA, change=swap(BODY_TEXT.encode(), not_canonical(BODY_TEXT).encode())),
    "share not canonical": made(STANZA, change=swap(SHARE.encode(), not_canonical(SHARE).encode())),
    "line too long": made(EMPTY_END, STANZA, change=swap(FULL + b"\n\n", FULL + b"AAAA\n")),
    "last line missing": made(EMPTY_END, STANZA, change=swap(FULL + b"\n\n", FULL + b"\n")),
    "two short lines": made(Stanza(("grease",), bytes(3)), STANZA, change=swap(b"AAAA\n", b"AA\nAA\n")),
    "return within a line": made(STANZA, change=swap(BODY_TEXT.encode(), BODY_TEXT.encode() + b"\r")),
    "one word too many": made(Stanza((*STANZA.words, "more"), STANZA.body)),
    "one word too few": made(Stanza(("X25519",), STANZA.body)),
    "file key too long": made(KEY.recipient().wrap(FILE_KEY + b"!", form=AGE)),
    "share too short": made(Stanza(("X25519", encode64(bytes(31))), STANZA.body)),
    "share too long": made(Stanza(("X25519", encode64(bytes(33))), STANZA.body)),
    "share of low order": made(Stanza(("X25519", encode64(bytes(32))), STANZA.body)),
    "name in small letters": made(Stanza(("x25519", SHARE), STANZA.body)),
    "tag wrong": made(Stanza(STANZA.words, STANZA.body[:-1] + bytes([STANZA.body[-1] ^ 1]))),
    "passphrase beside a key": made(quick("words").wrap(FILE_KEY, form=AGE), STANZA),
    "two passphrases": made(quick("words").wrap(FILE_KEY, form=AGE), quick("more").wrap(FILE_KEY, form=AGE)),
    "mac wrong": re.sub(rb"--- .", lambda found: b"--- " + (b"B" if found[0][4:] == b"A" else b"A"), made(STANZA)),
    "mac padded": re.sub(rb"(--- [^\n]*)", rb"\1=", made(STANZA), count=1),
    "mac cut": re.sub(rb"(--- [^\n]*)[^\n]\n", rb"\1\n", made(STANZA), count=1),
    "mac missing": re.sub(rb"--- [^\n]*\n", b"---\n", made(STANZA), count=1),
    "two spaces before the mac": made(STANZA).replace(b"--- ", b"---  "),
    "nonce cut": made(STANZA)[:-20],
    "no body": made(STANZA)[:-35],
    "tag cut": made(STANZA)[:-1],
    "something follows": made(STANZA) + b"x",
    "nothing at all": b"",
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_well_formed_opens_here_and_in_the_program(name: str, key_file: Path) -> None:
    assert plain(age, GOOD[name], KEY) == b"age"
    assert age_program("-d", "-i", key_file, given=GOOD[name]).stdout == b"age"


@pytest.mark.parametrize("name", BAD)
def test_what_is_malformed_is_refused_here(name: str) -> None:
    with pytest.raises(VaultError):
        plain(age, BAD[name], KEY)


# Asked with a key, age 1.1 lets the passphrase beside it pass; the specification does not.
@pytest.mark.parametrize("name", [name for name in BAD if name != "passphrase beside a key"])
def test_what_is_malformed_is_refused_by_the_program_too(name: str, key_file: Path) -> None:
    assert age_program("-d", "-i", key_file, given=BAD[name]).returncode != 0


@pytest.mark.parametrize(
    "work", ["0", "04", "+4", "-4", "0x4", "4x", "", "23", "18446744073709551620", "5"], ids=lambda work: work or "none"
)
def test_a_passphrase_work_that_is_no_plain_number_or_wrong_is_refused(work: str) -> None:
    stanza = quick("words").wrap(FILE_KEY, form=AGE)
    assert stanza.words[2] == "4"
    with pytest.raises(VaultError):
        plain(age, made(Stanza((*stanza.words[:2], *([work] if work else [])), stanza.body)), quick("words"))
    assert plain(age, made(stanza), quick("words")) == b"age"


ARMOR_GOOD = {
    "as written": VECTOR,
    "line ends of another system": VECTOR.replace("\n", "\r\n"),
    "space around": " \n\n" + VECTOR + "\n \t\n",
    "no last line end": VECTOR.rstrip("\n"),
}
_LINES = VECTOR.splitlines()
ARMOR_BAD = {
    "letters before": "x\n" + VECTOR,
    "letters after": VECTOR + "x",
    "no end": "\n".join(_LINES[:-1]) + "\n",
    "small letters": VECTOR.replace("BEGIN AGE", "begin age"),
    "another kind": VECTOR.replace("AGE ENCRYPTED", "PGP ENCRYPTED"),
    "padding missing": VECTOR.replace("+2Y=", "+2Y"),
    "not canonical": VECTOR.replace("+2Y=", "+2Z="),
    "headers": VECTOR.replace("-----\nYWdl", "-----\nVersion: 1\n\nYWdl"),
    "empty line first": VECTOR.replace("-----\nYWdl", "-----\n\nYWdl"),
    "empty line last": VECTOR.replace("\n-----END", "\n\n-----END"),
    "space within": VECTOR.replace("YWdl", "YW dl"),
    "space at a line's end": VECTOR.replace(
        "IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY\n", "IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY \n"
    ),
    "short line": VECTOR.replace("Y3FY\nTnlD", "Y3FY\nTnlD\n"),
    "long line": VECTOR.replace("Y3FY\nTnlD", "Y3FYTnlD\n"),
}


@pytest.mark.parametrize("name", [*ARMOR_GOOD, *ARMOR_BAD])
def test_armor_is_read_strictly(name: str, tmp_path: Path) -> None:
    text = {**ARMOR_GOOD, **ARMOR_BAD}[name]
    (tmp_path / "in.age").write_bytes(text.encode())
    identity = X25519Identity.parse(VECTOR_SECRET)
    if name in ARMOR_GOOD:
        decrypt_file(tmp_path / "in.age", target=tmp_path / "out", identities=[identity])
        assert (tmp_path / "out").read_bytes() == b"age"
    else:
        with pytest.raises(NotAuthentic):
            decrypt_file(tmp_path / "in.age", target=tmp_path / "out", identities=[identity])
        assert not (tmp_path / "out").exists()


@settings(max_examples=30)
@given(content=st.binary(max_size=200))
def test_armor_of_any_length_is_that_of_the_standard_library(content: bytes) -> None:
    sink = io.BytesIO()
    with Armoring(sink) as armoring:
        for at in range(0, len(content), 7):
            armoring.write(content[at : at + 7])
    lines = sink.getvalue().splitlines()
    assert base64.b64decode(b"".join(lines[1:-1])) == content
    assert all(len(line) == 64 for line in lines[1:-2])
    assert io.BufferedReader(Dearmored(io.BytesIO(sink.getvalue()))).read() == content


def test_a_file_for_others_says_so() -> None:
    with pytest.raises(NoMatchingKey, match="encrypted to others"):
        plain(age, sealed(age, b"", OTHER.recipient()), KEY)


def armored(content: bytes) -> bytes:
    sink = io.BytesIO()
    with Armoring(sink) as armoring:
        armoring.write(content)
    return sink.getvalue()


def dearmored(text: bytes) -> bytes:
    return io.BufferedReader(Dearmored(io.BytesIO(text))).read()


def line_end(text: bytes, at: int) -> int:
    return text.index(b"\n", at)


LONG = os.urandom(40_000)
ARMORED = armored(LONG)


@pytest.mark.parametrize("place", [100, 7000, 20_000, 50_000])
@pytest.mark.parametrize(
    ("harm", "what"),
    [
        ("a character more", lambda text, at: text[:at] + b"A" + text[at:]),
        ("a character less", lambda text, at: text[:at] + text[at + 1 :]),
        ("a character of another alphabet", lambda text, at: text[:at] + b"-" + text[at + 1 :]),
        ("padding within", lambda text, at: text[:at] + b"=" + text[at + 1 :]),
        ("a line feed more", lambda text, at: text[: line_end(text, at)] + b"\n" + text[line_end(text, at) :]),
        ("a line feed less", lambda text, at: text[: line_end(text, at)] + text[line_end(text, at) + 1 :]),
        ("a line shorter by a group", lambda text, at: text[: line_end(text, at) - 4] + text[line_end(text, at) :]),
    ],
)
def test_a_harmed_line_of_long_armor_is_refused(harm: str, what, place: int) -> None:
    with pytest.raises(NotAuthentic):
        dearmored(what(ARMORED, place))


def test_line_ends_of_another_system_are_let_pass_in_long_armor() -> None:
    assert dearmored(ARMORED) == dearmored(ARMORED.replace(b"\n", b"\r\n")) == LONG
    mixed = ARMORED.replace(b"\n", b"\r\n", 200)
    assert dearmored(mixed) == LONG
