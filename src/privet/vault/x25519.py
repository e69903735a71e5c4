"""Recipients and identities with an X25519 key, written as age writes them: ``age1...`` and ``AGE-SECRET-KEY-1...``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from privet.core.errors import InvalidParameter, SealedValue
from privet.vault import bech32
from privet.vault.derive import hkdf
from privet.vault.formats import Format
from privet.vault.header import Stanza, decode64, encode64, malformed

KIND: Final = "X25519"
KEY_BYTES: Final = 32
_PUBLIC_PREFIX: Final = "age"
_SECRET_PREFIX: Final = "age-secret-key-"
# A wrap key is used once, so its nonce may be constant.
_NONCE: Final = bytes(12)


@dataclass(frozen=True, slots=True)
class X25519Recipient:
    """A public key to encrypt to; it is no secret.

    >>> print(X25519Recipient.parse("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"))
    age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj
    """

    public: bytes

    @classmethod
    def parse(cls, text: str) -> X25519Recipient:
        """From its text. Errors: InvalidParameter if it is mistyped or is another kind of key."""
        prefix, public = bech32.decode(text)
        if prefix == _SECRET_PREFIX:
            raise InvalidParameter("this is a secret key, not a recipient; give the key that begins with age1")
        if prefix != _PUBLIC_PREFIX or len(public) != KEY_BYTES:
            raise InvalidParameter("this is no X25519 recipient; give a key that begins with age1 and has 62 letters")
        return cls(public)

    def __str__(self) -> str:
        return bech32.encode(_PUBLIC_PREFIX, self.public)

    def wrap(self, file_key: bytes, *, form: Format) -> Stanza:
        """The file key under a key agreed between a fresh key pair and this one."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public))
        except ValueError:
            raise InvalidParameter("the recipient's key is a point of low order; nobody has its secret key") from None
        key = _wrap_key(shared, share=share, public=self.public, form=form)
        return Stanza((KIND, encode64(share)), ChaCha20Poly1305(key).encrypt(_NONCE, file_key, None))


@dataclass(frozen=True, slots=True, eq=False)
class X25519Identity:
    """A secret key that decrypts. It shows itself only when asked by ``secret_text``.

    >>> key = X25519Identity.parse("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX")
    >>> print(key, key.recipient())
    X25519Identity() age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj
    """

    secret: X25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> X25519Identity:
        """A new key from the operating system's generator."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> X25519Identity:
        """From its text. Errors: InvalidParameter, which does not repeat the text."""
        prefix, secret = bech32.decode(text)
        if prefix != _SECRET_PREFIX or len(secret) != KEY_BYTES:
            raise InvalidParameter("this is no X25519 secret key; give a key that begins with AGE-SECRET-KEY-1")
        return cls(X25519PrivateKey.from_private_bytes(secret))

    def secret_text(self) -> str:
        """``AGE-SECRET-KEY-1...``; whoever reads it reads everything encrypted to this key."""
        return bech32.encode(_SECRET_PREFIX, self.secret.private_bytes_raw()).upper()

    def recipient(self) -> X25519Recipient:
        """The public key that belongs to it."""
        return X25519Recipient(self.secret.public_key().public_bytes_raw())

    def unwrap(self, stanza: Stanza, *, form: Format) -> bytes | None:
        """The file key, if the stanza is for this key.

        Errors: NotAuthentic if a stanza of this kind is not one that age writes.
        """
        if stanza.kind != KIND:
            return None
        if len(stanza.words) != 2 or len(stanza.body) != form.wrapped_bytes:
            raise malformed("an X25519 stanza has not the parts it must have")
        share = decode64(stanza.words[1].encode(), length=KEY_BYTES)
        try:
            shared = self.secret.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:  # OpenSSL's word for a shared secret of zeros
            raise malformed("an X25519 stanza holds a point of low order") from None
        key = _wrap_key(shared, share=share, public=self.recipient().public, form=form)
        try:
            return ChaCha20Poly1305(key).decrypt(_NONCE, stanza.body, None)
        except InvalidTag:
            return None

    def __reduce__(self) -> NoReturn:
        raise SealedValue("a secret key is not pickled or copied; keep it in a key ring")


def _wrap_key(shared: bytes, *, share: bytes, public: bytes, form: Format) -> bytes:
    return hkdf(shared, salt=share + public, info=f"{form.label}/{KIND}".encode())
