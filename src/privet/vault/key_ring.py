"""The key ring: named keys, those they replaced, and one secret for derived keys, in a file under a passphrase.

The file is an envelope, so Argon2id and authentication are the envelope's. Keys that were replaced stay, to open old
files, until they are dropped. Keys of pseudonyms are numbered instead, because no file says by itself which made it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from privet.core.durable import write_bytes_whole
from privet.core.errors import InvalidParameter, SealedValue
from privet.vault import envelope
from privet.vault.derive import derive_key
from privet.vault.errors import NoMatchingKey, NotAuthentic
from privet.vault.header import decode64, encode64
from privet.vault.passphrase import Passphrase
from privet.vault.private_files import OWNER_ONLY, create_private, read_private, require_private
from privet.vault.x25519 import X25519Identity, X25519Recipient

FORMAT: Final = "privet-key-ring/2"
# The first format had no keys of pseudonyms.
_READ: Final = ("privet-key-ring/1", FORMAT)
MASTER_BYTES: Final = 32
_PSEUDONYMS: Final = "pseudonyms"


@dataclass(frozen=True, slots=True)
class RingKey:
    """A key and its name; ``current`` until another of that name replaces it."""

    name: str
    created: str
    current: bool
    identity: X25519Identity


@dataclass(frozen=True, slots=True, eq=False)
class PseudonymSecret:
    """What the pseudonyms of one name and version come from; versions count from 1 and are never given twice."""

    name: str
    version: int
    created: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class KeyRing:
    """Named keys and the secret that keys for purposes come from; changes give a new ring.

    >>> ring = KeyRing.new().with_key("alice").with_key("alice")
    >>> [(key.name, key.current) for key in ring.keys]
    [('alice', False), ('alice', True)]
    >>> ring.derived("pseudonyms", context="id") == ring.derived("pseudonyms", context="name")
    False
    """

    master: bytes = field(repr=False)
    keys: tuple[RingKey, ...] = ()
    pseudonyms: tuple[PseudonymSecret, ...] = ()

    @classmethod
    def new(cls) -> KeyRing:
        """An empty ring with a fresh secret."""
        return cls(os.urandom(MASTER_BYTES))

    def with_key(self, name: str) -> KeyRing:
        """A fresh key of that name; the one it had stays for old files. Errors: InvalidParameter if no name."""
        _require_free(name, {key.name for key in self.pseudonyms})
        former = [dataclasses.replace(key, current=key.current and key.name != name) for key in self.keys]
        return dataclasses.replace(self, keys=(*former, RingKey(name, _now(), True, X25519Identity.generate())))

    def without_former(self, name: str) -> KeyRing:
        """Drop the keys that this name had before; what only they open is lost."""
        self.recipient(name)
        return dataclasses.replace(self, keys=tuple(key for key in self.keys if key.current or key.name != name))

    def with_pseudonym_key(self, name: str) -> KeyRing:
        """Version 1 of a key of pseudonyms, or the version after the last; those before stay until they are dropped.

        Errors: InvalidParameter if no name, or another kind of key has it.
        """
        _require_free(name, {key.name for key in self.keys})
        version = max(self.versions(name), default=0) + 1
        made = PseudonymSecret(name, version, _now(), os.urandom(MASTER_BYTES))
        return dataclasses.replace(self, pseudonyms=(*self.pseudonyms, made))

    def versions(self, name: str) -> tuple[int, ...]:
        """Which versions of a key of pseudonyms there are; none if the ring has no such key."""
        return tuple(sorted(key.version for key in self.pseudonyms if key.name == name))

    def pseudonym_key(self, name: str, *, version: int = 1) -> bytes:
        """The key to give to ``deidentify`` and ``reverse``.

        Guarantee: as ``derive_key``; keys of different names and versions are independent. A name and a version give
        the same key whatever else happens to the ring, so pseudonyms change only where another version is asked for.
        Errors: InvalidParameter if the ring does not have it; it lists what there is.
        """
        for key in self.pseudonyms:
            if (key.name, key.version) == (name, version):
                return derive_key(key.secret, purpose=_PSEUDONYMS, context=name)
        if there := self.versions(name):
            raise InvalidParameter(
                f"the key ring has no version {version} of {name!r}; it has: {', '.join(map(str, there))}. "
                "What was made with a version that was dropped cannot be turned back"
            )
        have = ", ".join(sorted({key.name for key in self.pseudonyms})) or "none"
        raise InvalidParameter(
            f"the key ring has no key of pseudonyms {name!r}; it has: {have}. "
            "'privet vault keygen --ring RING --name NAME --pseudonyms' makes one"
        )

    def without_former_pseudonyms(self, name: str) -> KeyRing:
        """Drop all versions but the last; what they made can no longer be turned back or made again."""
        last = max(self.versions(name), default=0)
        self.pseudonym_key(name, version=last)
        kept = tuple(key for key in self.pseudonyms if key.name != name or key.version == last)
        return dataclasses.replace(self, pseudonyms=kept)

    def recipient(self, name: str) -> X25519Recipient:
        """Whom to encrypt to. Errors: InvalidParameter if the ring has no such key; it lists those it has."""
        for key in self.keys:
            if key.current and key.name == name:
                return key.identity.recipient()
        have = ", ".join(sorted({key.name for key in self.keys})) or "none"
        raise InvalidParameter(f"the key ring has no key {name!r}; it has: {have}")

    def identities(self) -> list[X25519Identity]:
        """All keys, the newest first, so that old files open too."""
        return [key.identity for key in reversed(self.keys)]

    def derived(self, purpose: str, *, context: str = "", length: int = 32) -> bytes:
        """The ring's key for one purpose in one context. Guarantee: as ``derive_key``."""
        return derive_key(self.master, purpose=purpose, context=context, length=length)

    def __reduce__(self) -> NoReturn:
        raise SealedValue("a key ring is not pickled or copied; open its file where it is needed")


def create_ring(path: str | os.PathLike[str], *, passphrase: Passphrase, ring: KeyRing | None = None) -> KeyRing:
    """Make the file of a ring, with mode 600; one that is there is not overwritten.

    Errors: InvalidParameter if something has that name.
    """
    made = ring or KeyRing.new()
    create_private(path, _sealed(made, passphrase))
    return made


def open_ring(path: str | os.PathLike[str], *, passphrase: Passphrase) -> KeyRing:
    """Read a ring.

    Errors: InvalidParameter if others may read or write the file; NoMatchingKey if the passphrase is wrong;
    NotAuthentic if the file was changed.
    """
    plain = io.BytesIO()
    try:
        envelope.decrypt(io.BytesIO(read_private(path)), plain, identities=[passphrase])
        return _read(json.loads(plain.getvalue()))
    except NoMatchingKey:
        raise NoMatchingKey(f"the passphrase given does not open the key ring {path}") from None
    except (NotAuthentic, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InvalidParameter):
            raise
        raise NotAuthentic(f"{path} is no key ring, or was changed; take the last copy of it") from None


def change_ring(
    path: str | os.PathLike[str],
    *,
    passphrase: Passphrase,
    change: Callable[[KeyRing], KeyRing],
    new_passphrase: Passphrase | None = None,
) -> KeyRing:
    """Read, change and write a ring while nobody else does; give another passphrase to change that.

    Guarantee: the file is the old ring or the new one at any moment. Errors: as ``open_ring``.
    """
    with _alone(path):
        changed = change(open_ring(path, passphrase=passphrase))
        write_bytes_whole(path, _sealed(changed, new_passphrase or passphrase), mode=OWNER_ONLY)
    return changed


@contextlib.contextmanager
def _alone(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of the file that has this name now: whoever waited holds that of a file just replaced."""
    while True:
        try:
            stream = open(path, "rb")  # noqa: SIM115 - closed below
        except OSError as error:
            raise InvalidParameter(f"{path} cannot be read ({error.strerror}); is it there?") from None
        with stream:
            require_private(path, os.fstat(stream.fileno()))
            fcntl.flock(stream, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(stream.fileno()), Path(path).stat()):
                yield
                return


def _sealed(ring: KeyRing, passphrase: Passphrase) -> bytes:
    keys = [
        {"name": key.name, "created": key.created, "current": key.current, "secret": key.identity.secret_text()}
        for key in ring.keys
    ]
    pseudonyms = [
        {"name": key.name, "version": key.version, "created": key.created, "secret": encode64(key.secret)}
        for key in ring.pseudonyms
    ]
    whole = {"format": FORMAT, "master": encode64(ring.master), "keys": keys, "pseudonyms": pseudonyms}
    body = json.dumps(whole).encode()
    sink = io.BytesIO()
    envelope.encrypt(io.BytesIO(body), sink, recipients=[passphrase])
    return sink.getvalue()


def _read(body: dict[str, Any]) -> KeyRing:
    if body["format"] not in _READ:
        raise InvalidParameter(f"the key ring is of a format that this version does not know; it knows {FORMAT}")
    keys = [
        RingKey(key["name"], key["created"], bool(key["current"]), X25519Identity.parse(key["secret"]))
        for key in body["keys"]
    ]
    pseudonyms = [
        PseudonymSecret(key["name"], int(key["version"]), key["created"], _secret(key["secret"]))
        for key in body.get("pseudonyms", [])
    ]
    return KeyRing(_secret(body["master"]), tuple(keys), tuple(pseudonyms))


def _secret(text: str) -> bytes:
    return decode64(text.encode(), length=MASTER_BYTES)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _require_free(name: str, taken: set[str]) -> None:
    if not name or not name.isprintable():
        raise InvalidParameter("a key needs a name of printable letters; give one, such as a person or a purpose")
    if name in taken:
        raise InvalidParameter(f"the ring has a key {name!r} of another kind; give another name")
