"""kill -9 at random moments: whole files or none, a ring that opens, and a claim for every table that left."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from privet.ledger import Ledger, State
from privet.vault.files import decrypt_file, encrypt_file
from privet.vault.key_files import create_key_file, read_key_file
from privet.vault.key_ring import KeyRing, change_ring, create_ring, open_ring

from ..vault.streams import quick

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

ROOT = Path(__file__).parents[2]
PHRASE = "six words that nobody could guess"
LONG = pytest.mark.skipif("PRIVET_LONG_TESTS" not in os.environ, reason="minutes: set PRIVET_LONG_TESTS=1")
KILLS = pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=[pytest.mark.slow, LONG])])


class Killer:
    """Children that run commands until they are killed."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server
        # How long a command takes, which depends on what else the machine does.
        self._seconds = 0.2

    def kill_one(self, folder: Path, commands: list[list[str]], *, after: int, part: float) -> None:
        """Kill a child when it has done so many commands and perhaps a part of the next."""
        before, begun = finished(folder), time.monotonic()
        pid = int(self._say(json.dumps({"folder": str(folder), "commands": commands})))
        deadline = time.monotonic() + 120
        while finished(folder) < before + after:
            assert time.monotonic() < deadline, "the commands did not get so far"
            assert not (folder / "failed").exists(), (folder / "failed").read_text()
            time.sleep(0.002)
        if after:
            self._seconds = (time.monotonic() - begun) / after
        time.sleep(part * self._seconds)
        os.kill(pid, signal.SIGKILL)
        assert self._say("") == "gone"

    def _say(self, line: str) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        return self._server.stdout.readline().strip()


def finished(folder: Path) -> int:
    done = folder / "done"
    return done.read_bytes().count(b"\n") if done.exists() else 0


@pytest.fixture
def killer() -> Iterator[Killer]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "tests.cli.crash_server"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield Killer(server)
        assert server.stdin is not None
        server.stdin.close()


def written(folder: Path, *, but: set[str]) -> list[Path]:
    """What the commands left. A file that was to replace another may lie beside it, hidden and whole."""
    assert not (folder / "failed").exists(), (folder / "failed").read_text()
    return sorted(path for path in folder.iterdir() if path.name not in but)


@KILLS
def test_a_killed_vault_leaves_whole_files_and_its_ring(killer: Killer, tmp_path: Path, kills: int) -> None:
    content = os.urandom(2 << 20)
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "phrase").touch(mode=0o600)
    (tmp_path / "phrase").write_text(PHRASE + "\n")
    recipient = create_key_file(tmp_path / "key")
    ring = create_ring(tmp_path / "ring", passphrase=quick(PHRASE), ring=KeyRing.new().with_key("alice"))
    encrypt_file(tmp_path / "plain", target=tmp_path / "passed", recipients=[ring.recipient("alice")])
    with_ring = ["--ring", "ring", "--passphrase-file", "phrase"]
    commands = [
        ["vault", "encrypt", "plain", "-o", "sealed-{number}", "--to", str(recipient)],
        ["vault", "decrypt", "sealed-{number}", "-o", "back-{number}", "--key", "key"],
        ["vault", "rotate", "sealed-{number}", "--key", "key", "--to", str(recipient)],
        ["vault", "rotate", "passed", "--name", "alice", *with_ring],
        ["vault", "drop", "passed", "--name", "alice", *with_ring],
    ]
    chance, before = random.Random(kills), {path.name for path in tmp_path.iterdir()}
    for _ in range(kills):
        killer.kill_one(tmp_path, commands, after=chance.randrange(6), part=chance.random())
        opened = open_ring(tmp_path / "ring", passphrase=quick(PHRASE))
        assert opened.master == ring.master
        decrypt_file(tmp_path / "passed", target=tmp_path / "check", identities=opened.identities())
        assert (tmp_path / "check").read_bytes() == content
        (tmp_path / "check").unlink()
        for path in written(tmp_path, but={*before, "done"}):
            require_whole(path, content)
            path.unlink()
    ended = (tmp_path / "done").read_text()
    assert all(f"vault {command[1]}\n" in ended for command in commands)


def require_whole(path: Path, content: bytes) -> None:
    """Either the plain content, or a file or a ring that opens to it."""
    if path.name.startswith("back-"):
        assert path.read_bytes() == content
    elif path.name.startswith((".ring.", ".passed.")):
        assert path.stat().st_size > 0  # what was to replace the one that was checked
    else:
        assert path.name.removeprefix(".").startswith("sealed-")
        decrypt_file(path, target=path.parent / "check", identities=read_key_file(path.parent / "key"))
        assert (path.parent / "check").read_bytes() == content
        (path.parent / "check").unlink()


POLICY = """
others = "keep"
[columns.id]
operator = "pseudonymise"
[columns.n]
operator = "microaggregate"
k = 3
"""


@KILLS
def test_a_killed_deidentify_leaves_no_part_and_no_table_without_a_claim(
    killer: Killer, tmp_path: Path, kills: int
) -> None:
    rows = 5_000
    (tmp_path / "people.csv").write_text("id,n\n" + "".join(f"A{number},{number}\n" for number in range(rows)))
    (tmp_path / "policy.toml").write_text(POLICY)
    url = f"sqlite:///{tmp_path}/book.db"
    with Ledger.open(url, create=True) as ledger:
        open_account(ledger)
    treat = ["deidentify", "people.csv", "--policy", "policy.toml", "-o", "safe-{number}.csv", "--account", "patients"]
    commands = [[*treat, "--ledger", url]]
    chance, tables = random.Random(kills), 0
    before = {path.name for path in tmp_path.iterdir()} | {"done", "book.db-wal", "book.db-shm", "pseudonym.key"}
    for _ in range(kills):
        killer.kill_one(tmp_path, commands, after=chance.randrange(3), part=chance.random())
        for path in written(tmp_path, but=before):
            assert path.name.startswith("safe-")
            assert path.read_bytes().count(b"\n") == rows + 1
            tables += 1
            path.unlink()
        if (tmp_path / "pseudonym.key").exists():
            assert len((tmp_path / "pseudonym.key").read_text()) == 65
            if chance.random() < 0.5:  # so that it is made under a kill, too
                (tmp_path / "pseudonym.key").unlink()
    with Ledger.open(url, create=False) as ledger:
        claims = ledger.account("patients").history()
        assert ledger.verify().problems == ()
    assert tables, "no table was written, so nothing was tested"
    assert sum(claim.state is State.COMMITTED for claim in claims) >= tables
    assert sum(claim.state is State.COMMITTED for claim in claims) < len(claims), "no kill came in the middle"


def open_account(ledger: Ledger) -> None:
    from privet.core.neighbours import PrivacyUnit, Relation

    ledger.create_account(
        "patients", unit=PrivacyUnit("row"), relation=Relation.ADD_OR_REMOVE, epsilon=1, delta=0,
        allow_no_guarantee=True,
    )  # fmt: skip


def test_a_passphrase_that_is_changed_under_a_kill_leaves_a_ring_of_one_of_them(tmp_path: Path) -> None:
    phrases = [quick("the old one"), quick("the new one")]
    create_ring(tmp_path / "ring", passphrase=phrases[0])
    chance = random.Random(1)
    for _ in range(10):
        pid = os.fork()
        if not pid:
            with contextlib.suppress(BaseException):
                while True:
                    for old, new in (phrases, phrases[::-1]):
                        change_ring(tmp_path / "ring", passphrase=old, change=lambda same: same, new_passphrase=new)
            os._exit(1)
        time.sleep(0.02 + chance.random() * 0.05)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        phrases.sort(key=lambda phrase: not opens(tmp_path / "ring", phrase))
        assert [opens(tmp_path / "ring", phrase) for phrase in phrases] == [True, False]


def opens(path: Path, phrase) -> bool:
    from privet.vault.errors import NoMatchingKey

    try:
        open_ring(path, passphrase=phrase)
    except NoMatchingKey:
        return False
    return True
