"""Encryption under a passphrase: scrypt in age files, Argon2id in envelopes and key rings."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from privet.core.errors import InvalidParameter, SealedValue
from privet.vault.errors import NotAuthentic
from privet.vault.formats import Format
from privet.vault.header import Stanza, decode64, encode64, malformed

SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_NONCE: Final = bytes(12)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")
# What a file may ask of whoever opens it: scrypt up to 4 GiB, as age has it; Argon2id up to 2 GiB and 64 passes.
MOST_WORK: Final = 22
MOST_MEMORY_KIB: Final = 1 << 21
MOST_PASSES: Final = 64
MOST_LANES: Final = 64


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one guess of a passphrase costs. Units: KiB, passes over them, lanes.

    The default is the second choice of RFC 9106, section 4, meant for machines that do other work too: 64 MiB.
    """

    memory_kib: int = 1 << 16
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        limits = {"memory_kib": MOST_MEMORY_KIB, "passes": MOST_PASSES, "lanes": MOST_LANES}
        for name, most in limits.items():
            value, least = getattr(self, name), 8 * self.lanes if name == "memory_kib" else 1
            if not least <= value <= most:
                raise InvalidParameter(f"Argon2id with {name} {value} is not offered; give {least} to {most}")

    def key(self, passphrase: bytes, *, salt: bytes) -> bytes:
        """The key of a passphrase. Reference: RFC 9106."""
        return Argon2id(
            salt=salt, length=_KEY_BYTES, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory_kib
        ).derive(passphrase)


@dataclass(frozen=True, slots=True, eq=False)
class Passphrase:
    """A passphrase that encrypts and decrypts, both recipient and identity.

    Guarantee: each guess costs as much as stated; how many guesses are needed is the passphrase's affair. What it costs
    to open a file stands in the file, within limits, so that no file takes a machine's memory.
    Errors: InvalidParameter if it is empty, or a cost is outside its limits.

    >>> Passphrase("correct horse battery staple")
    Passphrase()
    """

    text: str = field(repr=False)
    cost: Argon2Cost = field(default=Argon2Cost(), repr=False)
    scrypt_log_work: int = field(default=18, repr=False)

    def __post_init__(self) -> None:
        if not self.text:
            raise InvalidParameter("the passphrase is empty; give one of several words")
        if not 1 <= self.scrypt_log_work <= MOST_WORK:
            raise InvalidParameter(f"a scrypt work of 2**{self.scrypt_log_work} is not offered; give 1 to {MOST_WORK}")

    def wrap(self, file_key: bytes, *, form: Format) -> Stanza:
        """The file key under the passphrase, with a fresh salt."""
        salt = os.urandom(SALT_BYTES)
        if form.passphrase_kind == "scrypt":
            words: tuple[int, ...] = (self.scrypt_log_work,)
            key = self._scrypt(salt, log_work=self.scrypt_log_work, form=form)
        else:
            words = (self.cost.memory_kib, self.cost.passes, self.cost.lanes)
            key = self.cost.key(self.text.encode(), salt=_salt(salt, form))
        body = ChaCha20Poly1305(key).encrypt(_NONCE, file_key, None)
        return Stanza((form.passphrase_kind, encode64(salt), *map(str, words)), body)

    def unwrap(self, stanza: Stanza, *, form: Format) -> bytes | None:
        """The file key, if the passphrase is right. Errors: NotAuthentic if the stanza breaks its format or limits."""
        if stanza.kind != form.passphrase_kind:
            return None
        salt, numbers = _read(stanza, form)
        if form.passphrase_kind == "scrypt":
            key = self._scrypt(salt, log_work=numbers[0], form=form)
        else:
            key = _cost_of(numbers).key(self.text.encode(), salt=_salt(salt, form))
        try:
            return ChaCha20Poly1305(key).decrypt(_NONCE, stanza.body, None)
        except InvalidTag:
            return None

    def __reduce__(self) -> NoReturn:
        raise SealedValue("a passphrase is not pickled or copied; ask for it again")

    def _scrypt(self, salt: bytes, *, log_work: int, form: Format) -> bytes:
        scrypt = Scrypt(salt=_salt(salt, form), length=_KEY_BYTES, n=1 << log_work, r=8, p=1)
        return scrypt.derive(self.text.encode())


def _salt(salt: bytes, form: Format) -> bytes:
    return f"{form.label}/{form.passphrase_kind}".encode() + salt


def _read(stanza: Stanza, form: Format) -> tuple[bytes, tuple[int, ...]]:
    """Salt and numbers of a stanza, within their limits."""
    count = 1 if form.passphrase_kind == "scrypt" else 3
    texts = stanza.words[2:]
    if len(texts) != count or len(stanza.body) != form.wrapped_bytes:
        raise malformed("a passphrase's stanza has not the parts it must have")
    if not all(_NUMBER.fullmatch(text) for text in texts):
        raise malformed("a passphrase's cost is not a number")
    numbers = tuple(int(text) for text in texts)
    if count == 1 and numbers[0] > MOST_WORK:
        raise malformed(f"it asks for a scrypt work of 2**{numbers[0]}, more than 2**{MOST_WORK}")
    return decode64(stanza.words[1].encode(), length=SALT_BYTES), numbers


def _cost_of(numbers: tuple[int, ...]) -> Argon2Cost:
    try:
        return Argon2Cost(*numbers)
    except InvalidParameter as error:
        raise NotAuthentic(f"the file's header asks for too much: {error}") from None
