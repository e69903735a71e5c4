"""Cryptographic random bytes: an AES-256 counter-mode stream under a key from the operating system.

The stream cannot be seeded, copied or pickled. Each has its own key; a forked child never goes on with its parent's.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias, final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from privet.core.errors import InvalidParameter, SealedValue

KEY_BYTES: Final = 32
# After 2**30 bytes (2**26 blocks) a counter-mode stream is told from chance with advantage below 2**-76.
BYTES_PER_KEY: Final = 1 << 30
_BLOCK: Final = 1 << 16
_ZEROS: Final = bytes(_BLOCK)


Fill: TypeAlias = Callable[[Any], None]


def _encryptor(key: bytes) -> CipherContext:
    """A stream from counter 0; a key is never used for two."""
    return Cipher(AES(key), CTR(bytes(16))).encryptor()


def _fill(encryptor: CipherContext, buffer: Any) -> None:
    """Overwrite a writable buffer with the next bytes: zeros encrypted, which is the keystream itself."""
    view = memoryview(buffer).cast("B")
    for start in range(0, len(view), _BLOCK):
        part = view[start : start + _BLOCK]
        encryptor.update_into(_ZEROS[: len(part)], part)


def expansion(key: bytes) -> Fill:
    """A function that overwrites buffers with the key's stream; for one thread, within one call, one use of a key.

    Large noise is made from one 32-byte draw this way, piece by piece, without holding all its bytes at once.
    Errors: InvalidParameter if the key is not 32 bytes long.

    >>> first, second = bytearray(4), bytearray(4)
    >>> fill = expansion(bytes(32))
    >>> fill(first), fill(second), first == second
    (None, None, False)
    """
    if len(key) != KEY_BYTES:
        raise InvalidParameter(f"the key has {len(key)} bytes; give {KEY_BYTES}")
    return functools.partial(_fill, _encryptor(key))


class _Generation:
    """Which process this is, by count of forks; a lock that a fork in another thread may have left held is replaced."""

    def __init__(self) -> None:
        self.forks = 0
        self.lock = threading.Lock()

    def begin_child(self) -> None:
        self.forks += 1
        self.lock = threading.Lock()


_GENERATION: Final = _Generation()
os.register_at_fork(after_in_child=_GENERATION.begin_child)


class _Stream:
    """One key at work in one process."""

    __slots__ = ("encryptor", "forks", "left", "lock", "process")

    def __init__(self) -> None:
        self.encryptor = _encryptor(os.urandom(KEY_BYTES))
        self.forks = _GENERATION.forks
        self.process = os.getpid()
        self.left = BYTES_PER_KEY
        self.lock = threading.Lock()

    @property
    def mine(self) -> bool:
        """Whether this process made it. The hook and the process id cover each other's gaps."""
        return self.forks == _GENERATION.forks and self.process == os.getpid()


@final
class Keystream:
    """An endless stream of random bytes; each byte is given to one caller only.

    Guarantee: computationally indistinguishable from uniform bytes if AES-256 is a pseudo-random permutation and the
    operating system's generator is sound. Safe for threads. After a fork, by ``os.fork`` or by C code, the child has a
    new key. A virtual machine that is copied while running is not noticed: do not restore snapshots of one at work.
    Reference: NIST SP 800-38A, section 6.5 (counter mode).

    >>> stream = Keystream()
    >>> len(stream.read(5)), stream.read(16) == stream.read(16)
    (5, False)
    """

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = _Stream()

    def read(self, count: int) -> bytes:
        """The next ``count`` bytes.

        Errors: InvalidParameter if ``count`` is negative.
        """
        if count < 0:
            raise InvalidParameter(f"count is {count}; give a whole number of at least 0")
        stream = self._own()
        with stream.lock:
            stream.left -= count
            if count <= _BLOCK:
                return stream.encryptor.update(_ZEROS[:count])
            out = bytearray(count)
            _fill(stream.encryptor, out)
        return bytes(out)

    @property
    def process(self) -> object:
        """Something that stays the same until this process has forked, or its key is used up."""
        return self._own()

    def _own(self) -> _Stream:
        """This process's stream, renewed after a fork and after enough bytes under one key."""
        stream = self._stream
        if stream.mine and stream.left > 0:
            return stream
        with _GENERATION.lock:
            if not (self._stream.mine and self._stream.left > 0):
                self._stream = _Stream()
            return self._stream

    def _refuse(self) -> NoReturn:
        raise SealedValue("a keystream is never copied or stored: two readers would get the same noise; make a new one")

    def __copy__(self) -> NoReturn:
        self._refuse()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self._refuse()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self._refuse()

    def __repr__(self) -> str:
        return "<Keystream AES-256-CTR>"
