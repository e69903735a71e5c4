"""Mutual TLS 1.3 under the project's own authority, with Python's ssl and with openssl s_client."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography import x509

from privet.core.errors import InvalidParameter
from privet.vault import authority as module
from privet.vault.authority import (
    CERTIFICATE,
    ISSUED,
    KEY,
    REVOKED,
    Authority,
    Role,
    create_authority,
    open_authority,
    serial_of,
)
from privet.vault.channels import Credentials, client_context, is_revoked, peer_name, server_context
from privet.vault.errors import NoMatchingKey, NotAuthentic

from .streams import quick

PERMITTED = ["example.org", "localhost", "127.0.0.0/8"]
PHRASE = quick("the authority's")


def made(folder: Path, **more: object) -> Authority:
    given = {"name": "Project", "permitted": PERMITTED, "days": 30, "passphrase": None, **more}
    return create_authority(folder, **given)  # type: ignore[arg-type]


def party(authority: Authority, name: str, *, role: Role = Role.BOTH, host: str = "localhost") -> Credentials:
    out = authority.folder.parent
    certificate, key = authority.issue(name, hosts=[host], role=role, days=7, out=out)
    return Credentials(certificate, key, authority.folder / CERTIFICATE, authority.folder / REVOKED)


def connect(client: ssl.SSLContext, server: ssl.SSLContext, *, host: str = "localhost") -> tuple[str, str]:
    """Shake hands in memory and pass a word; the names that each side saw."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=host)
    two = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (one, two):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    assert len(done) == 2
    assert one.version() == two.version() == "TLSv1.3"
    two.write(b"word")
    assert one.read(4) == b"word"
    return peer_name(one), peer_name(two)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return made(tmp_path / "ca")


def test_two_parties_of_the_project_know_each_other(authority: Authority) -> None:
    client, server = party(authority, "site-a", role=Role.CLIENT), party(authority, "hub", role=Role.SERVER)
    assert connect(client_context(client), server_context(server)) == ("hub", "site-a")
    for credentials in (client, server):
        assert stat.S_IMODE(credentials.key.stat().st_mode) == 0o600


def test_a_client_without_certificate_is_refused(authority: Authority) -> None:
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain.load_verify_locations(authority.folder / CERTIFICATE)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        connect(plain, server_context(party(authority, "hub")))


def test_a_client_of_another_authority_is_refused_though_it_has_the_same_name(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = party(made(tmp_path / "other" / "ca"), "site-a")
    believing = Credentials(
        stranger.certificate, stranger.key, authority.folder / CERTIFICATE, authority.folder / REVOKED
    )
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(client_context(believing), server_context(party(authority, "hub")))
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(client_context(party(authority, "site-b")), server_context(stranger))


@pytest.mark.parametrize("side", ["client", "server"])
def test_revoked_certificates_are_refused_on_either_side(authority: Authority, side: str) -> None:
    client, server = party(authority, "site-a"), party(authority, "hub")
    connect(client_context(client), server_context(server))
    authority.revoke([serial_of((client if side == "client" else server).certificate)])
    with pytest.raises(ssl.SSLError, match=r"CERTIFICATE_VERIFY_FAILED.*revoked"):
        connect(client_context(client), server_context(server))


def test_a_revocation_is_not_undone_by_the_next_or_by_a_renewal(authority: Authority) -> None:
    first, second = party(authority, "site-a"), party(authority, "site-b")
    for serials in ([serial_of(first.certificate)], [serial_of(second.certificate)], []):
        authority.revoke(serials)
    listed = x509.load_pem_x509_crl((authority.folder / REVOKED).read_bytes())
    assert {entry.serial_number for entry in listed} == {serial_of(first.certificate), serial_of(second.certificate)}


def test_a_lost_list_or_one_of_somebody_else_is_not_renewed(authority: Authority, tmp_path: Path) -> None:
    other = made(tmp_path / "other")
    (authority.folder / REVOKED).write_bytes((other.folder / REVOKED).read_bytes())
    with pytest.raises(NotAuthentic, match="not signed"):
        authority.revoke()
    (authority.folder / REVOKED).unlink()
    with pytest.raises(NotAuthentic, match="live again"):
        authority.revoke()
    server = party(other, "hub")
    with pytest.raises(InvalidParameter, match="there"):
        server_context(Credentials(server.certificate, server.key, server.authority, authority.folder / REVOKED))


class Earlier(datetime.datetime):
    """A clock that is behind."""

    days = 0

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return datetime.datetime.now(tz) - datetime.timedelta(days=cls.days)


def at(monkeypatch: pytest.MonkeyPatch, *, days_ago: int) -> None:
    clock = type("Clock", (), {"datetime": type("E", (Earlier,), {"days": days_ago})})
    clock.UTC, clock.timedelta = datetime.UTC, datetime.timedelta  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "datetime", clock)


def test_expired_certificates_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, days_ago=10)
    authority = made(tmp_path / "ca")
    old = party(authority, "site-a")
    monkeypatch.undo()
    server = party(authority, "hub")
    for client_side, server_side in [(old, server), (server, old)]:
        with pytest.raises(ssl.SSLError, match=r"CERTIFICATE_VERIFY_FAILED.*expired"):
            connect(client_context(client_side), server_context(server_side))


def test_once_the_list_is_old_nobody_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, days_ago=31)
    authority = made(tmp_path / "ca", days=90)
    monkeypatch.undo()
    client, server = party(authority, "site-a"), party(authority, "hub")
    with pytest.raises(ssl.SSLError, match=r"CRL has expired"):
        connect(client_context(client), server_context(server))
    authority.revoke()
    connect(client_context(client), server_context(server))


def test_a_certificate_does_not_outlive_its_authority(tmp_path: Path) -> None:
    authority = made(tmp_path / "ca", days=3)
    certificate = x509.load_pem_x509_certificate(party(authority, "hub").certificate.read_bytes())
    assert certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_a_certificate_for_one_role_does_not_serve_in_the_other(authority: Authority) -> None:
    client, server = party(authority, "a", role=Role.CLIENT), party(authority, "b", role=Role.SERVER)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(client_context(server), server_context(server))
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(client_context(client), server_context(client))


def test_a_server_must_be_the_host_that_was_asked_for(authority: Authority) -> None:
    client, server = client_context(party(authority, "a")), party(authority, "b", host="hub.example.org")
    connect(client, server_context(server), host="hub.example.org")
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(client, server_context(server), host="localhost")


@pytest.mark.parametrize("host", ["example.com", "badexample.org", "10.0.0.1", "::1", "org"])
def test_the_authority_names_only_what_it_was_made_for(authority: Authority, host: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="may not name"):
        authority.issue("x", hosts=["hub.example.org", host], role=Role.BOTH, days=1, out=tmp_path)
    assert not (tmp_path / "x.key").exists()


@pytest.mark.parametrize(("permitted", "host"), [(["example.org"], "localhost"), (["10.0.0.0/8"], "127.0.0.1")])
def test_a_stolen_authority_is_not_believed_for_other_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, permitted: list[str], host: str
) -> None:
    authority = made(tmp_path / "ca", permitted=permitted)
    monkeypatch.setattr(Authority, "_require_permitted", lambda *_: None)
    forged = party(authority, "hub", host=host)
    with pytest.raises(ssl.SSLError, match=r"permitted subtree violation|excluded subtree violation"):
        connect(client_context(forged), server_context(forged), host=host)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2])
def test_older_versions_are_refused(authority: Authority, version: ssl.TLSVersion) -> None:
    credentials = party(authority, "a")
    for older in (0, 1):
        pair = [client_context(credentials), server_context(credentials)]
        pair[older].minimum_version = pair[older].maximum_version = version
        with pytest.raises(ssl.SSLError):
            connect(*pair)


def test_keys_of_others_and_wrong_files_are_refused(authority: Authority, tmp_path: Path) -> None:
    good = party(authority, "a")
    good.key.chmod(0o640)
    with pytest.raises(InvalidParameter, match="chmod 600"):
        server_context(good)
    good.key.chmod(0o600)
    for wrong in (
        Credentials(tmp_path / "none", good.key, good.authority, good.revoked),
        Credentials(good.certificate, party(authority, "b").key, good.authority, good.revoked),
        Credentials(good.certificate, good.key, good.authority, tmp_path / "none"),
    ):
        with pytest.raises(InvalidParameter):
            client_context(wrong)


def test_an_authority_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    made(tmp_path / "ca", passphrase=PHRASE)
    assert b"PRIVATE KEY" not in (tmp_path / "ca" / KEY).read_bytes()
    assert stat.S_IMODE((tmp_path / "ca" / KEY).stat().st_mode) == 0o600
    party(open_authority(tmp_path / "ca", passphrase=PHRASE), "hub")
    for wrong in (None, quick("another")):
        with pytest.raises(NoMatchingKey):
            open_authority(tmp_path / "ca", passphrase=wrong)
    with pytest.raises(InvalidParameter, match="not overwritten"):
        made(tmp_path / "ca")
    other = made(tmp_path / "other")
    shutil.copy(other.folder / CERTIFICATE, tmp_path / "ca" / CERTIFICATE)
    with pytest.raises(NotAuthentic, match="belong together"):
        open_authority(tmp_path / "ca", passphrase=PHRASE)


def test_every_certificate_is_kept_for_revocation(authority: Authority) -> None:
    certificate = party(authority, "hub").certificate
    kept = list((authority.folder / ISSUED).iterdir())
    assert [path.read_bytes() for path in kept] == [certificate.read_bytes()]


@pytest.mark.parametrize(
    ("name", "hosts", "days"), [("", ["localhost"], 1), ("../x", ["localhost"], 1), ("x", [], 1), ("x", ["a b"], 1),
                                ("x", ["*.example.org"], 1), ("x", ["localhost"], 0), ("x", ["localhost"], 91)]
)  # fmt: skip
def test_wrong_requests_are_refused(
    authority: Authority, tmp_path: Path, name: str, hosts: list[str], days: int
) -> None:
    with pytest.raises(InvalidParameter):
        authority.issue(name, hosts=hosts, role=Role.BOTH, days=days, out=tmp_path)


def serve_once(context: ssl.SSLContext, told: list[str]) -> tuple[int, threading.Thread]:
    """A server on loopback for one connection; it says hello to who may come in, and tells how it went."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(30)

    def serve() -> None:
        with listening:
            raw, _ = listening.accept()
        raw.settimeout(30)
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                told.append(peer_name(connection))
                connection.sendall(b"hello\n")
        except (ssl.SSLError, OSError) as error:
            told.append(type(error).__name__)
            raw.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return listening.getsockname()[1], thread


def s_client(port: int, *arguments: str | Path) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-ign_eof"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the program openssl is not installed")
@pytest.mark.parametrize("kind", ["known", "nobody", "stranger", "revoked", "revoked since", "older", "plaintext"])
def test_what_openssl_may_and_may_not(authority: Authority, tmp_path: Path, kind: str) -> None:
    hub, site = party(authority, "hub", role=Role.SERVER), party(authority, "site", role=Role.CLIENT)
    if kind == "revoked":
        authority.revoke([serial_of(site.certificate)])
    if kind == "stranger":
        (tmp_path / "other").mkdir()
        site = party(made(tmp_path / "other" / "ca"), "site")
    told: list[str] = []
    port, thread = serve_once(server_context(hub), told)
    if kind == "revoked since":
        authority.revoke([serial_of(site.certificate)])
    if kind == "plaintext":
        with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
            try:
                said = raw.recv(1024).decode("latin-1")
            except ConnectionResetError:  # shut in its face
                said = ""
    else:
        shown = [] if kind == "nobody" else ["-cert", site.certificate, "-key", site.key]
        said = s_client(port, "-CAfile", hub.authority, *(["-tls1_2"] if kind == "older" else ["-tls1_3"]), *shown)
    thread.join(timeout=60)
    assert ("hello" in said) == (kind == "known")
    if kind == "known":
        assert told == ["site"]
        assert "Verify return code: 0 (ok)" in said
    else:
        assert told == ["SSLError"] or told == ["SSLCertVerificationError"]


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_standing_context_refuses_who_was_revoked_since(authority: Authority, side: str) -> None:
    client, server = party(authority, "site-a"), party(authority, "hub")
    other = party(authority, "site-b")
    contexts = client_context(client), server_context(server)
    connect(*contexts)
    # Several in one second, each the later one.
    for known in (other, client if side == "client" else server):
        connect(*contexts)
        authority.revoke([serial_of(known.certificate)])
    with pytest.raises(ssl.SSLError, match=r"CERTIFICATE_VERIFY_FAILED.*revoked"):
        connect(*contexts)


def test_an_old_list_that_is_put_back_frees_nobody(authority: Authority) -> None:
    client, server = party(authority, "site-a"), party(authority, "hub")
    contexts, revoked = (client_context(client), server_context(server)), authority.folder / REVOKED
    old = revoked.read_bytes()
    authority.revoke([serial_of(client.certificate)])
    for content in (revoked.read_bytes(), old):
        revoked.write_bytes(content)
        with pytest.raises(ssl.SSLError, match="revoked"):
            connect(*contexts)


@pytest.mark.parametrize("content", [None, b"", b"no list"])
def test_without_a_list_nobody_is_let_in(authority: Authority, content: bytes | None) -> None:
    contexts = client_context(party(authority, "site-a")), server_context(party(authority, "hub"))
    revoked = authority.folder / REVOKED
    whole = revoked.read_bytes()
    if content is None:
        revoked.unlink()
    else:
        revoked.write_bytes(content)
    with pytest.raises(ssl.SSLError, match="nobody is let in"):
        connect(*contexts)
    revoked.write_bytes(whole)
    connect(*contexts)


def test_a_standing_connection_can_be_asked_about(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = party(authority, "site-a"), party(authority, "hub")
    kept: list[ssl.SSLObject] = []
    monkeypatch.setattr(f"{__name__}.peer_name", lambda side: kept.append(side) or "")
    connect(client_context(client), server_context(server))
    _, on_server = kept
    assert not is_revoked(on_server, credentials=server)
    authority.revoke([serial_of(client.certificate)])
    assert is_revoked(on_server, credentials=server)
    made(authority.folder.parent / "other")
    (authority.folder / REVOKED).write_bytes((authority.folder.parent / "other" / REVOKED).read_bytes())
    with pytest.raises(InvalidParameter, match="not signed"):
        is_revoked(on_server, credentials=server)


def test_a_server_of_asyncio_refuses_who_was_revoked_while_it_runs(authority: Authority) -> None:
    site, hub = party(authority, "site", role=Role.CLIENT), party(authority, "hub", role=Role.SERVER)

    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    async def said(port: int) -> bytes:
        context = client_context(site)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        try:
            return await asyncio.wait_for(reader.read(), timeout=30)
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=server_context(hub))
        port = server.sockets[0].getsockname()[1]
        assert await said(port) == b"hello"
        authority.revoke([serial_of(site.certificate)])
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            assert await said(port) == b""
        server.close()

    asyncio.run(run())
