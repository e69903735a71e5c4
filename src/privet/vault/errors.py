"""What can go wrong in the vault. No message contains a key, a passphrase or a byte of what was encrypted.

VaultError
├── NotAuthentic      the file was changed, cut or reordered, or is no encrypted file
└── NoMatchingKey     the file is well formed and none of the keys or passphrases given opens it
"""

from __future__ import annotations

from privet.core.errors import PrivetError


class VaultError(PrivetError):
    """Anything that stops the vault from doing what was asked."""


class NotAuthentic(VaultError):
    """What was read is not what was written; nothing of it is passed on."""


class NoMatchingKey(VaultError):
    """None of the keys given opens this."""
