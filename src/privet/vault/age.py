"""The age v1 file format: what the program ``age`` encrypts opens here, and the other way round."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from privet.vault.chunks import seal, unseal
from privet.vault.derive import hkdf
from privet.vault.errors import NotAuthentic
from privet.vault.formats import AGE, Identity, Recipient, unwrap, wrap
from privet.vault.header import malformed, read_header, write_header

CHUNK_BYTES: Final = 1 << 16
_NONCE_BYTES: Final = 16


def encrypt(source: BinaryIO, sink: BinaryIO, *, recipients: Iterable[Recipient]) -> None:
    """Encrypt a stream as an age v1 file.

    Guarantee: only holders of a recipient's secret key, or of the passphrase, learn more than the length; a change is
    noticed. Who wrote it is not shown: anybody can encrypt to a public key.
    Errors: InvalidParameter if nobody is named or a passphrase is not alone.
    Reference: C2SP, age v1 (c2sp.org/age).

    >>> import io
    >>> from privet.vault.x25519 import X25519Identity
    >>> key, sealed, plain = X25519Identity.generate(), io.BytesIO(), io.BytesIO()
    >>> encrypt(io.BytesIO(b"result"), sealed, recipients=[key.recipient()])
    >>> decrypt(io.BytesIO(sealed.getvalue()), plain, identities=[key])
    >>> plain.getvalue()
    b'result'
    """
    file_key, nonce = os.urandom(AGE.file_key_bytes), os.urandom(_NONCE_BYTES)
    stanzas = wrap(file_key, recipients=recipients, form=AGE)
    sink.write(write_header(AGE.label, stanzas=stanzas, file_key=file_key) + nonce)
    seal(_cipher(file_key, nonce), source, sink, chunk_bytes=CHUNK_BYTES)


def decrypt(source: BinaryIO, sink: BinaryIO, *, identities: Sequence[Identity]) -> None:
    """Decrypt an age v1 file; only a return without error says that all of it is there.

    Errors: NoMatchingKey if no identity opens it; NotAuthentic if it was changed or cut.
    """
    file_key = unlock(source, identities=identities)
    nonce = source.read(_NONCE_BYTES)
    if len(nonce) != _NONCE_BYTES:
        raise NotAuthentic("the file ends after its header; get it again")
    unseal(_cipher(file_key, nonce), source, sink, chunk_bytes=CHUNK_BYTES)


def rewrap_header(source: BinaryIO, *, identities: Sequence[Identity], recipients: Iterable[Recipient]) -> bytes:
    """A header for other recipients, for the same body, which the source is left at. Errors: as ``decrypt``."""
    file_key = unlock(source, identities=identities)
    stanzas = wrap(file_key, recipients=recipients, form=AGE)
    return write_header(AGE.label, stanzas=stanzas, file_key=file_key)


def unlock(source: BinaryIO, *, identities: Sequence[Identity]) -> bytes:
    """Read the header alone; the file key. Errors: as ``decrypt``."""
    header = read_header(source)
    if header.first != AGE.label:
        raise malformed(f"the first line is not {AGE.label}")
    return unwrap(header, identities=identities, form=AGE)


def _cipher(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(hkdf(file_key, salt=nonce, info=b"payload"))
