"""Encrypting and decrypting 64 MiB: envelope and age format beside pyrage and Fernet, CPU seconds on one core."""

from __future__ import annotations

import argparse
import inspect
import io
import os
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from measuring import interleaved_seconds, keep, show
from peers import Peer
from privet.vault import age, envelope
from privet.vault.x25519 import X25519Identity

MEBIBYTES = 64
GIGABYTES = MEBIBYTES * (1 << 20) / 1e9
KEY = X25519Identity.generate()

PEER = f"""
import os
content = os.urandom({MEBIBYTES} << 20)
try:
    import pyrage
    key = pyrage.x25519.Identity.generate()
    locked = pyrage.encrypt(content, [key.to_public()])
    works["pyrage encrypts"] = lambda: pyrage.encrypt(content, [key.to_public()])
    works["pyrage decrypts"] = lambda: pyrage.decrypt(locked, [key])
except ImportError:
    pass
try:
    from cryptography.fernet import Fernet
    fernet = Fernet(Fernet.generate_key())
    token = fernet.encrypt(content)
    works["Fernet encrypts"] = lambda: fernet.encrypt(content)
    works["Fernet decrypts"] = lambda: fernet.decrypt(token)
except ImportError:
    pass
"""


class Nowhere(io.RawIOBase):
    """A sink that keeps nothing: the peers' outputs are not written to disk either."""

    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        return len(content)


def cpu(work: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    return seconds


def cipher_alone() -> None:
    """The same chunks from one buffer to another: what no format around the cipher can pass."""
    cipher, chunk, out = AESGCM(bytes(32)), bytes(1 << 20), bytearray((1 << 20) + 16)
    for number in range(MEBIBYTES):
        cipher.encrypt_into(number.to_bytes(12, "big"), chunk, None, out)


def works() -> dict[str, Callable[[], float]]:
    content, found = os.urandom(MEBIBYTES << 20), {"AES-256-GCM alone": cpu(cipher_alone)}
    for name, form in {"envelope": envelope, "age format": age}.items():
        sealed = io.BytesIO()
        form.encrypt(io.BytesIO(content), sealed, recipients=[KEY.recipient()])
        held = sealed.getvalue()
        found[f"{name} encrypts"] = cpu(
            lambda form=form: form.encrypt(io.BytesIO(content), Nowhere(), recipients=[KEY.recipient()])
        )
        found[f"{name} decrypts"] = cpu(
            lambda form=form, held=held: form.decrypt(io.BytesIO(held), Nowhere(), identities=[KEY])
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or ""))
    parser.add_argument("--peer-python", help="Python of an environment with pyrage and cryptography")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Peer(options.peer_python, PEER) as peer:
        theirs = {name: (lambda name=name: peer.seconds(name, times=1)) for name in peer.works}
        medians = interleaved_seconds({**works(), **theirs}, rounds=options.rounds)
    rates = {name: GIGABYTES / seconds for name, seconds in medians.items()}
    show(f"The vault, {MEBIBYTES} MiB in memory (median of {options.rounds}, CPU)", columns=["what", "GB/s"],
         rows=[[name, rate] for name, rate in rates.items()])  # fmt: skip
    keep("vault", {"gigabytes_per_cpu_second": rates}, packages=["cryptography"])


if __name__ == "__main__":
    main()
