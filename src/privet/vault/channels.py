"""Connections between sites: mutual TLS 1.3 under the project's own authority, and nothing less."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    session is resumed, so every connection is checked. The list is read once: make a new context for a new one.
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


def _context(protocol: int, credentials: Credentials) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
    try:
        require_private(credentials.key, os.stat(credentials.key))
        context.load_cert_chain(credentials.certificate, credentials.key, password=_no_passphrase)
        context.load_verify_locations(cafile=credentials.authority)
        context.load_verify_locations(cafile=credentials.revoked)
    except (OSError, ssl.SSLError) as error:
        raise InvalidParameter(
            f"the certificates cannot be read ({error.strerror or type(error).__name__}); are "
            f"{credentials.certificate}, {credentials.key}, {credentials.authority} and {credentials.revoked} there?"
        ) from None
    return context


def _no_passphrase() -> str:
    # Without this, OpenSSL would ask on the terminal.
    raise InvalidParameter("the key is under a passphrase, which a service cannot be asked for; give one without")
