"""Connections between sites: mutual TLS 1.3 under the project's own authority, and nothing less."""

from __future__ import annotations

import datetime
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from privet.core.errors import InvalidParameter
from privet.vault.private_files import require_private


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where a party's certificate and key are, the authority's certificate, and the list of revoked ones."""

    certificate: Path
    key: Path
    authority: Path
    revoked: Path


def server_context(credentials: Credentials) -> ssl.SSLContext:
    """A context for whoever listens.

    Guarantee: only TLS 1.3, only with clients whose certificate the project's authority issued for clients, not expired
    and not on the list of revoked ones; the list itself must be fresh. Plaintext and older versions are refused. No
    session is resumed, so every connection is checked, by the list whose file is there when it begins: a client that
    was revoked is refused from the first connection after the new file is in its place, without a restart.
    Connections that stand are not looked at again: close them, or ask ``is_revoked``.
    Errors: InvalidParameter if a file cannot be read, or others may read the key.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, credentials)
    context.num_tickets = 0
    return context


def client_context(credentials: Credentials) -> ssl.SSLContext:
    """A context for whoever connects: the same, and the server's certificate must be for the host asked for."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, credentials)


def peer_name(connection: ssl.SSLSocket | ssl.SSLObject) -> str:
    """The name in the certificate of the other side, once the handshake is done: who it is, to be asked what it may.

    Errors: InvalidParameter if there is no checked certificate.
    """
    found: dict[str, Any] = connection.getpeercert() or {}
    for pairs in found.get("subject", ()):
        for kind, value in pairs:
            if kind == "commonName":
                return str(value)
    raise InvalidParameter("the other side has shown no certificate; use the contexts of privet.vault.channels")


def is_revoked(connection: ssl.SSLSocket | ssl.SSLObject, *, credentials: Credentials) -> bool:
    """Whether the other side of a connection that stands is on the list as it is now, or the list is too old.

    Errors: InvalidParameter if there is no checked certificate, or the list cannot be read.
    """
    shown = connection.getpeercert(binary_form=True)
    if shown is None:
        raise InvalidParameter("the other side has shown no certificate; use the contexts of privet.vault.channels")
    try:
        listed = x509.load_pem_x509_crl(credentials.revoked.read_bytes())
    except (OSError, ValueError):
        raise InvalidParameter(f"{credentials.revoked} cannot be read as a list of revoked certificates") from None
    authority = x509.load_pem_x509_certificate(credentials.authority.read_bytes()).public_key()
    ends = listed.next_update_utc
    if not listed.is_signature_valid(authority) or ends is None:  # type: ignore[arg-type]
        raise InvalidParameter(f"{credentials.revoked} was not signed by the authority; get its list again")
    serial = x509.load_der_x509_certificate(shown).serial_number
    old = ends < datetime.datetime.now(datetime.UTC)
    return old or listed.get_revoked_certificate_by_serial_number(serial) is not None


class _Renewing(ssl.SSLContext):
    """A context that looks at the list of revoked certificates before every connection.

    A new list is put beside those before: OpenSSL goes by the latest one, so an old list that somebody puts back
    frees nobody.
    """

    revoked: Path
    seen: tuple[int, ...] = ()

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        """As of any context. Errors: ssl.SSLError if the list cannot be read: then nobody is let in."""
        self.renew()
        return super().wrap_socket(*arguments, **named)

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """The same, for asyncio and whoever moves the bytes by itself."""
        self.renew()
        return super().wrap_bio(*arguments, **named)

    def renew(self) -> None:
        """Read the list if its file is another than before."""
        try:
            found = os.stat(self.revoked)
            state = (found.st_mtime_ns, found.st_size, found.st_ino)
            if state != self.seen:
                self.load_verify_locations(cafile=self.revoked)
                self.seen = state
        except OSError as error:  # ssl.SSLError is one, too
            raise ssl.SSLError(
                f"{self.revoked} cannot be read as a list of revoked certificates ({error.strerror}), so nobody is "
                "let in; put the authority's list there"
            ) from None


def _context(protocol: int, credentials: Credentials) -> ssl.SSLContext:
    context = _Renewing(protocol)
    context.revoked = credentials.revoked
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
    try:
        require_private(credentials.key, os.stat(credentials.key))
        context.load_cert_chain(credentials.certificate, credentials.key, password=_no_passphrase)
        context.load_verify_locations(cafile=credentials.authority)
        context.renew()
    except (OSError, ssl.SSLError) as error:
        raise InvalidParameter(
            f"the certificates cannot be read ({error.strerror or type(error).__name__}); are "
            f"{credentials.certificate}, {credentials.key}, {credentials.authority} and {credentials.revoked} there?"
        ) from None
    return context


def _no_passphrase() -> str:
    # Without this, OpenSSL would ask on the terminal.
    raise InvalidParameter("the key is under a passphrase, which a service cannot be asked for; give one without")
