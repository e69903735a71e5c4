"""Where ``privet deidentify`` takes the key of its pseudonyms from: a file of its own, or a key ring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from privet.cli.asking import changes_told, passphrase
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.deidentify.policy import Policy

DEFAULT = Path("pseudonym.key")


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """What the options say: a key file, or a ring and perhaps a name in it."""

    key: str | None = None
    ring: Path | None = None
    passphrase_file: Path | None = None
    passphrase_fd: int | None = None

    def from_ring(self, policy: Policy) -> bytes | None:
        """The ring's key for a policy; None if a file is to be used. Asked for before any data are read.

        Errors: InvalidParameter if the policy names a key that cannot be used, or another than the option does.
        """
        if self.ring is None:
            policy.require_key_file()
            if self.passphrase_file is not None or self.passphrase_fd is not None:
                raise InvalidParameter("a passphrase opens a key ring; give --key-ring, or leave the passphrase out")
            return None
        name = self._name(policy)
        from privet.vault.key_ring import open_ring

        with changes_told():
            given = passphrase(self.passphrase_file, self.passphrase_fd, what=f"the key ring {self.ring}")
            return open_ring(self.ring, passphrase=given).pseudonym_key(name, version=policy.key_version)

    def from_file(self, *, create: bool) -> bytes:
        """The key of the file, which is made on first use unless something is to be turned back."""
        from privet.deidentify.keys import load_key, load_or_create_key

        path = DEFAULT if self.key is None else Path(self.key)
        return load_or_create_key(path) if create else load_key(path)

    def _name(self, policy: Policy) -> str:
        if self.key is not None and policy.key_name not in ("", self.key):
            raise InvalidParameter(
                f"the policy names the key {policy.key_name!r} and --key {self.key!r}; take one of them out"
            )
        name = self.key or policy.key_name
        if not name:
            raise InvalidParameter('which key of the ring? Give --key NAME, or write key = "NAME" in the policy')
        return name
