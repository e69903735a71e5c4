"""The envelope: age's header around AES-256-GCM in chunks of 256 KiB, where speed matters more than a second program.

First line: name, log2 of the chunk's bytes, salt. It is in every chunk's associated data; who may open the file is not,
so recipients change without a new body. The header's MAC, under the file key, covers both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privet.core.errors import InvalidParameter
from privet.vault.chunks import seal, unseal
from privet.vault.derive import hkdf
from privet.vault.formats import ENVELOPE, Identity, Recipient, unwrap, wrap
from privet.vault.header import Header, decode64, encode64, malformed, read_header, write_header

LOG_CHUNK: Final = 18
LEAST_LOG_CHUNK, MOST_LOG_CHUNK = 12, 24
_SALT_BYTES: Final = 32
_FIRST: Final = re.compile(re.escape(ENVELOPE.label) + r" aes-256-gcm ([1-9][0-9]) ([A-Za-z0-9+/]{43})")


def encrypt(
    source: BinaryIO, sink: BinaryIO, *, recipients: Iterable[Recipient], log_chunk_bytes: int = LOG_CHUNK
) -> None:
    """Encrypt a stream as an envelope.

    Guarantee: only holders of a recipient's secret key, or of the passphrase, learn more than the length; a change at
    any place is noticed. Who wrote it is not shown: anybody can encrypt to a public key.
    Units: chunks are of 2**log_chunk_bytes bytes, 4 KiB to 16 MiB; memory is two of them and 1 MiB.
    Errors: InvalidParameter if nobody is named, a passphrase is not alone, or the chunk size is outside its limits.
    Reference: Hoang, Reyhanitabar, Rogaway, Vizar (2015), section 7; NIST SP 800-38D.

    >>> import io
    >>> from privet.vault.x25519 import X25519Identity
    >>> key, sealed, plain = X25519Identity.generate(), io.BytesIO(), io.BytesIO()
    >>> encrypt(io.BytesIO(b"records"), sealed, recipients=[key.recipient()])
    >>> decrypt(io.BytesIO(sealed.getvalue()), plain, identities=[key])
    >>> plain.getvalue()
    b'records'
    """
    if not LEAST_LOG_CHUNK <= log_chunk_bytes <= MOST_LOG_CHUNK:
        raise InvalidParameter(
            f"chunks of 2**{log_chunk_bytes} bytes are not offered; give {LEAST_LOG_CHUNK} to {MOST_LOG_CHUNK}"
        )
    file_key, salt = os.urandom(ENVELOPE.file_key_bytes), os.urandom(_SALT_BYTES)
    first = f"{ENVELOPE.label} aes-256-gcm {log_chunk_bytes} {encode64(salt)}"
    stanzas = wrap(file_key, recipients=recipients, form=ENVELOPE)
    sink.write(write_header(first, stanzas=stanzas, file_key=file_key))
    seal(_cipher(file_key, salt), source, sink, chunk_bytes=1 << log_chunk_bytes, associated=first.encode())


def decrypt(source: BinaryIO, sink: BinaryIO, *, identities: Sequence[Identity]) -> None:
    """Decrypt an envelope; only a return without error says that all of it is there.

    Errors: NoMatchingKey if no identity opens it; NotAuthentic if it was changed or cut.
    """
    header, file_key = _unlocked(source, identities)
    log_chunk_bytes, salt = _read_first(header)
    unseal(_cipher(file_key, salt), source, sink, chunk_bytes=1 << log_chunk_bytes, associated=header.first.encode())


def rewrap_header(source: BinaryIO, *, identities: Sequence[Identity], recipients: Iterable[Recipient]) -> bytes:
    """A header for other recipients, for the same body, which the source is left at. Errors: as ``decrypt``."""
    header, file_key = _unlocked(source, identities)
    return write_header(header.first, stanzas=wrap(file_key, recipients=recipients, form=ENVELOPE), file_key=file_key)


def unlock(source: BinaryIO, *, identities: Sequence[Identity]) -> bytes:
    """Read the header alone; the file key. Errors: as ``decrypt``."""
    return _unlocked(source, identities)[1]


def _unlocked(source: BinaryIO, identities: Sequence[Identity]) -> tuple[Header, bytes]:
    header = read_header(source)
    _read_first(header)
    return header, unwrap(header, identities=identities, form=ENVELOPE)


def _read_first(header: Header) -> tuple[int, bytes]:
    """Log2 of the chunk size, and the salt."""
    found = _FIRST.fullmatch(header.first)
    if found is None or not LEAST_LOG_CHUNK <= int(found[1]) <= MOST_LOG_CHUNK:
        raise malformed("the first line is not that of an envelope")
    return int(found[1]), decode64(found[2].encode(), length=_SALT_BYTES)


def _cipher(file_key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(hkdf(file_key, salt=salt, info=f"{ENVELOPE.label}/payload".encode()))
