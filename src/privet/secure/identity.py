"""Who is who: long-lived signing keys, known beforehand, and the fresh keys that they vouch for.

Without signatures whoever relays the keys could put in its own and read every part of the sum.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from privet.core.errors import InvalidParameter, PrivetError
from privet.vault.private_files import create_private, read_private


class ProtocolError(PrivetError):
    """A message of a secure sum is missing, forged, repeated or malformed; the sum is not formed."""


@dataclass(frozen=True, slots=True)
class Advertised:
    """A party's fresh key for one job, signed with its identity."""

    party: str
    job: str
    public_key: bytes
    signature: bytes

    def check(self, directory: Mapping[str, bytes], *, job: str) -> X25519PublicKey:
        """The fresh key, if the party's identity vouches for it. Errors: ProtocolError naming the party."""
        if self.job != job:
            raise ProtocolError(f"the key of {self.party!r} is for job {self.job!r}, not {job!r}; it is not used")
        if self.party not in directory:
            raise ProtocolError(f"{self.party!r} is not in the directory of parties; add its identity first")
        try:
            identity = Ed25519PublicKey.from_public_bytes(directory[self.party])
            identity.verify(self.signature, signed_text(self.party, self.job, self.public_key))
            return X25519PublicKey.from_public_bytes(self.public_key)
        except (InvalidSignature, ValueError):
            raise ProtocolError(
                f"the key of {self.party!r} is not signed by its identity; somebody changed it"
            ) from None


def signed_text(party: str, job: str, public_key: bytes) -> bytes:
    """What a party signs: lengths first, so that no two messages read alike."""
    fields = [b"privet secure sum 1", party.encode(), job.encode(), public_key]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def new_identity() -> Ed25519PrivateKey:
    """A fresh signing key from the operating system's generator."""
    return Ed25519PrivateKey.generate()


def create_identity_file(path: str | os.PathLike[str]) -> bytes:
    """Keep a fresh signing key in a new file that its owner alone may read; its public key, for the directory.

    Errors: InvalidParameter if the file is there already or cannot be written.
    """
    identity = new_identity()
    create_private(path, identity.private_bytes_raw().hex().encode() + b"\n")
    return identity.public_key().public_bytes_raw()


def read_identity_file(path: str | os.PathLike[str]) -> Ed25519PrivateKey:
    """The signing key of a file. Errors: InvalidParameter if others may read it, or it holds none."""
    content = read_private(path)
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(content.decode("ascii").strip()))
    except ValueError:
        raise InvalidParameter(
            f"{path} does not hold an identity; give the file that was made for this party"
        ) from None
