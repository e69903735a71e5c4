"""A small certificate authority for one project: short-lived certificates, for the project's own names only.

A folder holds the authority's certificate, its key (under a passphrase), the list of revoked certificates, and a copy
of each certificate issued, so that one that is lost can still be revoked.
"""

from __future__ import annotations

import datetime
import io
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from privet.core.durable import write_bytes_whole
from privet.core.errors import InvalidParameter
from privet.vault import envelope
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.passphrase import Passphrase
from privet.vault.private_files import create_private, read_private

CERTIFICATE, KEY, REVOKED, ISSUED = "authority.pem", "authority.key", "revoked.pem", "issued"
MOST_DAYS: Final = 90
MOST_AUTHORITY_DAYS: Final = 3 * 366
# A list older than this is no longer believed, and then nobody is: nobody may hold back a revocation for longer.
LIST_DAYS: Final = 30
# Clocks of two machines differ by this much at most.
_SKEW: Final = datetime.timedelta(minutes=5)


class Role(StrEnum):
    """What a certificate is for."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"


_USAGES: Final = {
    Role.SERVER: [ExtendedKeyUsageOID.SERVER_AUTH],
    Role.CLIENT: [ExtendedKeyUsageOID.CLIENT_AUTH],
    Role.BOTH: [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
}


@dataclass(frozen=True, slots=True, eq=False)
class Authority:
    """An opened authority: it issues and revokes.

    Guarantee: its certificates are believed for its permitted names alone (a critical name constraint, which TLS
    libraries enforce even if the authority's key is stolen), for at most 90 days, and not after they were revoked.
    Reference: RFC 5280, sections 4.2.1.10 (name constraints) and 5 (revocation lists).
    """

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def issue(self, name: str, *, hosts: Sequence[str], role: Role, days: int, out: Path) -> tuple[Path, Path]:
        """A certificate and a fresh key, as ``NAME.pem`` and ``NAME.key`` in a folder; a key is never overwritten.

        Errors: InvalidParameter if a host is not the authority's to name, or the days are outside their limits.
        """
        if not 1 <= days <= MOST_DAYS:
            raise InvalidParameter(f"a certificate of {days} days is not issued; give 1 to {MOST_DAYS}")
        if not hosts or not name or Path(name).name != name:
            raise InvalidParameter("a certificate needs a name that can be a file's, and at least one host; give both")
        names = [_general_name(host) for host in hosts]
        self._require_permitted(names)
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(name, names, key.public_key(), role=role, days=days)
        pem = made.public_bytes(serialization.Encoding.PEM)
        create_private(out / f"{name}.key", _pem(key))
        write_bytes_whole(self.folder / ISSUED / f"{made.serial_number:x}.pem", pem)
        return write_bytes_whole(out / f"{name}.pem", pem), out / f"{name}.key"

    def revoke(self, serials: Sequence[int] = ()) -> Path:
        """Put certificates on the list of those not to be believed, and renew the list for 30 days.

        Servers and clients must be given the new list. Errors: NotAuthentic if the list is not this authority's.
        """
        now = datetime.datetime.now(datetime.UTC)
        former = self._read_list()
        entries = {entry.serial_number: entry for entry in former}
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            entries.setdefault(serial, entry)
        return self._write_list(list(entries.values()), now, after=former.last_update_utc)

    def _read_list(self) -> x509.CertificateRevocationList:
        path = self.folder / REVOKED
        try:
            listed = x509.load_pem_x509_crl(path.read_bytes())
        except (OSError, ValueError):
            raise NotAuthentic(
                f"{path} cannot be read as a list; take the last copy, or revoked ones live again"
            ) from None
        if not listed.is_signature_valid(self.certificate.public_key()):  # type: ignore[arg-type]
            raise NotAuthentic(f"{path} was not signed by this authority; take the last copy of it")
        return listed

    def _write_list(
        self, entries: list[x509.RevokedCertificate], now: datetime.datetime, *, after: datetime.datetime | None = None
    ) -> Path:
        # Of two lists the later is believed, and their times have no fractions of a second.
        begins = now - _SKEW if after is None else max(now - _SKEW, after + datetime.timedelta(seconds=1))
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(begins).next_update(now + datetime.timedelta(days=LIST_DAYS))
        # Numbers must grow; time does.
        builder = builder.add_extension(x509.CRLNumber(int(now.timestamp() * 1e6)), critical=False)
        builder = builder.add_extension(_known_by(self.key.public_key()), critical=False)
        for entry in entries:
            builder = builder.add_revoked_certificate(entry)
        pem = builder.sign(self.key, SHA256()).public_bytes(serialization.Encoding.PEM)
        return write_bytes_whole(self.folder / REVOKED, pem)

    def _signed(
        self, name: str, names: list[x509.GeneralName], public: ec.EllipticCurvePublicKey, *, role: Role, days: int
    ) -> x509.Certificate:
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        builder = _dated(name, public, ends=min(ends, self.certificate.not_valid_after_utc))
        builder = builder.issuer_name(self.certificate.subject)
        for extension, critical in [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_key_usage(signs_certificates=False), True),
            (x509.ExtendedKeyUsage(_USAGES[role]), False),
            (x509.SubjectAlternativeName(names), False),
            (_known_by(self.key.public_key()), False),
        ]:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, SHA256())

    def _require_permitted(self, names: list[x509.GeneralName]) -> None:
        permitted = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
        for name in names:
            if not any(_within(name.value, subtree.value) for subtree in permitted or []):
                raise InvalidParameter(f"the authority may not name {name.value}; it was made for other names")


def create_authority(
    folder: Path, *, name: str, permitted: Sequence[str], days: int, passphrase: Passphrase | None
) -> Authority:
    """Make an authority in a new folder. ``permitted``: domains (with all below them), addresses and networks.

    Errors: InvalidParameter if the folder has an authority, nothing is permitted, or the days are outside their limits.
    """
    if not 1 <= days <= MOST_AUTHORITY_DAYS:
        raise InvalidParameter(f"an authority of {days} days is not made; give 1 to {MOST_AUTHORITY_DAYS}")
    if not permitted or not name:
        raise InvalidParameter(
            "an authority needs a name and the names it may speak for, such as your domain; give both"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(name, key, permitted=permitted, days=days)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / ISSUED).mkdir(exist_ok=True)
    except OSError as error:
        raise InvalidParameter(f"{folder} cannot be made ({error.strerror}); give another place") from None
    create_private(folder / KEY, _pem(key) if passphrase is None else _sealed(_pem(key), passphrase))
    write_bytes_whole(folder / CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))
    made = Authority(folder, certificate, key)
    made._write_list([], datetime.datetime.now(datetime.UTC))
    return made


def open_authority(folder: Path, *, passphrase: Passphrase | None) -> Authority:
    """Open an authority to issue or revoke.

    Errors: InvalidParameter if others may read its key; NoMatchingKey if the passphrase is wrong; NotAuthentic if key
    and certificate do not belong together.
    """
    content = read_private(folder / KEY)
    if passphrase is not None:
        plain = io.BytesIO()
        envelope.decrypt(io.BytesIO(content), plain, identities=[passphrase])
        content = plain.getvalue()
    elif not content.startswith(b"-----BEGIN PRIVATE KEY"):
        raise NoMatchingKey(f"the authority's key {folder / KEY} is under a passphrase; give it")
    try:
        key = serialization.load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except (OSError, ValueError):
        raise NotAuthentic(f"{folder} does not hold a whole authority; take the last copy of it") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise NotAuthentic(f"key and certificate in {folder} do not belong together; take the last copy of it")
    return Authority(folder, certificate, key)


def serial_of(path: str | os.PathLike[str]) -> int:
    """The serial number of a certificate's file. Errors: InvalidParameter if it is no certificate."""
    try:
        return x509.load_pem_x509_certificate(Path(path).read_bytes()).serial_number
    except (OSError, ValueError):
        raise InvalidParameter(f"{path} cannot be read as a certificate; give a PEM file") from None


def _self_signed(
    name: str, key: ec.EllipticCurvePrivateKey, *, permitted: Sequence[str], days: int
) -> x509.Certificate:
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    builder = _dated(name, key.public_key(), ends=ends).issuer_name(_subject(name))
    for extension, critical in [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage(signs_certificates=True), True),
        (_constraints(permitted), True),
        (_known_by(key.public_key()), False),
    ]:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, SHA256())


def _dated(name: str, public: ec.EllipticCurvePublicKey, *, ends: datetime.datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(_subject(name)).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime.datetime.now(datetime.UTC) - _SKEW).not_valid_after(ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _constraints(permitted: Sequence[str]) -> x509.NameConstraints:
    names = [_general_name(text, network=True) for text in permitted]
    kinds = {type(name) for name in names}
    # A constraint speaks only of the kinds of name it lists: a kind of which none is permitted is excluded as a whole.
    excluded: list[x509.GeneralName] = []
    if x509.IPAddress not in kinds:
        excluded = [x509.IPAddress(ipaddress.ip_network(text)) for text in ("0.0.0.0/0", "::/0")]
    if x509.DNSName not in kinds:
        excluded = [x509.DNSName("")]
    return x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=excluded or None)


def _general_name(text: str, *, network: bool = False) -> x509.GeneralName:
    """A host's name or address; as a constraint, a domain or a network."""
    try:
        return x509.IPAddress(ipaddress.ip_network(text) if network else ipaddress.ip_address(text))
    except ValueError:
        pass
    labels = text.split(".")
    if not all(label and label.isascii() and label.replace("-", "").isalnum() for label in labels):
        raise InvalidParameter(f"{text!r} is neither a host's name nor an address; give one, such as site.example.org")
    return x509.DNSName(text.lower())


def _within(value: object, subtree: object) -> bool:
    if isinstance(value, str) and isinstance(subtree, str):
        return value == subtree or value.endswith(f".{subtree}")
    if isinstance(subtree, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return value in subtree if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)) else False
    return False


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _known_by(public: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(public)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _sealed(content: bytes, passphrase: Passphrase) -> bytes:
    sink = io.BytesIO()
    envelope.encrypt(io.BytesIO(content), sink, recipients=[passphrase])
    return sink.getvalue()
