"""Encrypting and decrypting: in memory beside pyrage and Fernet, from file to file beside the program age."""

from __future__ import annotations

import argparse
import inspect
import io
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from measuring import interleaved_seconds, keep, show
from peers import Peer
from privet.vault import age, armor, envelope
from privet.vault.files import FileFormat, decrypt_file, encrypt_file, told_apart
from privet.vault.key_files import create_key_file, read_key_file
from privet.vault.x25519 import X25519Identity

MEBIBYTES = 64
GIGABYTES = MEBIBYTES * (1 << 20) / 1e9
FILE_MEBIBYTES = 128
FILE_GIGABYTES = FILE_MEBIBYTES * (1 << 20) / 1e9
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
    return {**found, **armored(content)}


def armored(content: bytes) -> dict[str, Callable[[], float]]:
    sink = io.BytesIO()

    def encrypt(to: io.RawIOBase | io.BytesIO) -> None:
        with armor.Armoring(to) as text:
            age.encrypt(io.BytesIO(content), text, recipients=[KEY.recipient()])

    encrypt(sink)
    held = sink.getvalue()
    return {
        "age armor encrypts": cpu(lambda: encrypt(Nowhere())),
        "age armor decrypts": cpu(lambda: age.decrypt(told_apart(io.BytesIO(held))[1], Nowhere(), identities=[KEY])),
    }


def both(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds, those of programs that were started among them; the least of three."""
    walls, cpus = [], []
    for _ in range(3):
        begun, before = time.perf_counter(), time.process_time() + children()
        work()
        walls.append(time.perf_counter() - begun)
        cpus.append(time.process_time() + children() - before)
    return min(walls), min(cpus)


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def files(folder: Path) -> dict[str, Callable[[], object]]:
    """From file to file; and what the disk needs for the same bytes, read, written and synced apart."""
    plain, key, piece = folder / "plain", folder / "key", bytearray(1 << 20)
    recipient = create_key_file(key)
    plain.write_bytes(os.urandom(FILE_MEBIBYTES << 20))

    def read() -> None:
        with plain.open("rb", buffering=0) as file:
            while file.readinto(piece):
                pass

    def write(*, sync: bool) -> None:
        with (folder / "out").open("wb", buffering=0) as file:
            for _ in range(FILE_MEBIBYTES):
                file.write(piece)
            if sync:
                os.fsync(file.fileno())

    found: dict[str, Callable[[], object]] = {
        "read": read,
        "write": lambda: write(sync=False),
        "write and fsync": lambda: write(sync=True),
    }
    for form in (FileFormat.ENVELOPE, FileFormat.AGE):
        sealed = folder / form
        found[f"{form}: encrypt_file"] = lambda form=form, sealed=sealed: encrypt_file(
            plain, target=sealed, recipients=[recipient], form=form
        )
        found[f"{form}: decrypt_file"] = lambda sealed=sealed: decrypt_file(
            sealed, target=folder / "back", identities=read_key_file(key)
        )
    if shutil.which("age"):
        command = ["age", "-r", str(recipient), "-o", str(folder / "by-age"), str(plain)]
        found["program age encrypts"] = lambda: subprocess.run(command, check=True)
        back = ["age", "-d", "-i", str(key), "-o", str(folder / "back"), str(folder / "by-age")]
        found["program age decrypts"] = lambda: subprocess.run(back, check=True)
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
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        measured = {what: both(work) for what, work in files(Path(name)).items()}
    on_disk = {what: {"wall": FILE_GIGABYTES / wall, "cpu": FILE_GIGABYTES / used}
               for what, (wall, used) in measured.items()}  # fmt: skip
    show(f"The vault, {FILE_MEBIBYTES} MiB from file to file (best of 3)", columns=["what", "GB/s", "GB/CPU s"],
         rows=[[what, *rate.values()] for what, rate in on_disk.items()])  # fmt: skip
    body = {"gigabytes_per_cpu_second": rates, "files_gigabytes_a_second": on_disk}
    keep("vault", body, packages=["cryptography"])


if __name__ == "__main__":
    main()
