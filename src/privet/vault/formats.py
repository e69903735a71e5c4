"""What sets the two file formats apart, for those who wrap and unwrap their file keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from privet.core.errors import InvalidParameter
from privet.vault.errors import NoMatchingKey
from privet.vault.header import Header, Stanza, malformed

TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: the label that separates its derived keys, and how its file key and passphrases are kept."""

    label: str
    file_key_bytes: int
    passphrase_kind: str

    @property
    def wrapped_bytes(self) -> int:
        """Length of a wrapped file key. Others are refused before a key is tried, against partitioning oracles."""
        return self.file_key_bytes + TAG_BYTES


AGE: Final = Format("age-encryption.org/v1", 16, "scrypt")
ENVELOPE: Final = Format("privet-envelope/v1", 32, "argon2id")
# A header with a stanza of a passphrase has no other: whoever knows the passphrase made the file.
ALONE: Final = frozenset({"scrypt", "argon2id"})


class Recipient(Protocol):
    """Somebody to encrypt to."""

    def wrap(self, file_key: bytes, *, form: Format) -> Stanza:
        """The file key, for this recipient only."""
        ...


class Identity(Protocol):
    """Somebody who can decrypt."""

    def unwrap(self, stanza: Stanza, *, form: Format) -> bytes | None:
        """The file key; None if the stanza is of another kind or for somebody else."""
        ...


def wrap(file_key: bytes, *, recipients: Iterable[Recipient], form: Format) -> list[Stanza]:
    """A stanza for each recipient. Errors: InvalidParameter if a passphrase is not alone, or nobody is named."""
    stanzas = [recipient.wrap(file_key, form=form) for recipient in recipients]
    if not stanzas:
        raise InvalidParameter("nobody could open this; give a recipient or a passphrase")
    if not _allowed(stanzas):
        raise InvalidParameter("a passphrase goes with no other passphrase or recipient; give one or the other")
    return stanzas


def unwrap(header: Header, *, identities: Sequence[Identity], form: Format) -> bytes:
    """The file key, checked against the header's MAC.

    Errors: NoMatchingKey if no identity opens a stanza; NotAuthentic if the header was changed.
    """
    if not _allowed(header.stanzas):
        raise malformed("a passphrase beside other recipients")
    for identity in identities:
        for stanza in header.stanzas:
            if (file_key := identity.unwrap(stanza, form=form)) is not None:
                header.check(file_key)
                return file_key
    raise NoMatchingKey(_why(header))


def _allowed(stanzas: Sequence[Stanza]) -> bool:
    return len(stanzas) == 1 or not any(stanza.kind in ALONE for stanza in stanzas)


def _why(header: Header) -> str:
    if any(stanza.kind in ALONE for stanza in header.stanzas):
        return "the passphrase given does not open this; it was encrypted under a passphrase, and another one"
    return "none of the keys given opens this; it was encrypted to others. Give the key of one of its recipients"
