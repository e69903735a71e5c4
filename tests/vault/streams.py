"""Small ways to encrypt bytes in memory, for the tests of the vault."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from privet.vault.formats import Identity, Recipient
from privet.vault.passphrase import Argon2Cost, Passphrase

QUICK = Argon2Cost(memory_kib=32, passes=1, lanes=1)


def quick(text: str) -> Passphrase:
    """A passphrase that costs next to nothing to try."""
    return Passphrase(text, cost=QUICK, scrypt_log_work=4)


def sealed(form: ModuleType, content: bytes, *recipients: Recipient, **more: int) -> bytes:
    """Content encrypted by ``age.encrypt`` or ``envelope.encrypt``."""
    sink = io.BytesIO()
    form.encrypt(io.BytesIO(content), sink, recipients=recipients, **more)
    return sink.getvalue()


def plain(form: ModuleType, content: bytes, *identities: Identity) -> bytes:
    """Content decrypted by ``age.decrypt`` or ``envelope.decrypt``."""
    sink = io.BytesIO()
    form.decrypt(io.BytesIO(content), sink, identities=identities)
    return sink.getvalue()


def age_program(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the real ``age``; skips the test where there is none."""
    if shutil.which("age") is None:
        pytest.skip("the program age is not installed; apt-get install age")
    command: Sequence[str] = ["age", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)
