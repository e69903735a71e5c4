"""kill -9 at random points: no uncharged release, never more than the limit, the book verifies."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from privet.ledger import Ledger, State

from .conftest import make_account

ROOT = Path(__file__).parents[2]
PROCESSES = 8


def start(url: str, path: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "tests.ledger.crash_worker", url, str(path)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def wait_for_first_release(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_text().count("\n") > 1):
        assert time.monotonic() < deadline, "a worker did not get to its first release"
        time.sleep(0.01)


def kill_many(url: str, folder: Path, *, kills: int, seed: int) -> list[str]:
    """Keep up to eight workers releasing, kill them one after another at random moments; what they said had left."""
    chance = random.Random(seed)
    paths: list[Path] = []
    workers: list[tuple[subprocess.Popen[bytes], Path]] = []
    for number in range(kills):
        while len(workers) < min(PROCESSES, kills - number):
            paths.append(folder / f"left-{len(paths)}")
            workers.append((start(url, paths[-1]), paths[-1]))
        worker, path = workers.pop(chance.randrange(len(workers)))
        wait_for_first_release(path)
        time.sleep(chance.random() * 0.03)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    return [line for path in paths for line in path.read_text().splitlines() if " " in line]


def check(url: str, left: list[str], *, limit: float) -> None:
    ledger = Ledger.open(url)
    account = ledger.account("people")
    claims = {claim.id: claim for claim in account.history()}
    entries = {entry.claim: entry.hash for entry in ledger.book.entries() if entry.kind == "committed"}
    assert left, "nothing was released, so nothing was tested"
    for line in left:
        claim, entry_hash = line.split()
        assert claims[claim].state is State.COMMITTED
        assert entries[claim] == entry_hash
    assert account.spent().claims == len(claims) <= limit * 1000
    assert account.spent().epsilon <= limit
    assert ledger.verify().problems == ()
    ledger.close()


def test_a_few_kills_leave_no_uncharged_release(durable_url: str, tmp_path: Path) -> None:
    ledger = Ledger.open(durable_url)
    make_account(ledger, epsilon=100)
    ledger.close()
    left = kill_many(durable_url, tmp_path, kills=10, seed=1)
    check(durable_url, left, limit=100)


def test_workers_that_are_not_killed_stop_at_the_limit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/book.db"
    ledger = Ledger.open(url)
    make_account(ledger, epsilon="0.1")
    ledger.close()
    paths = [tmp_path / f"left-{number}" for number in range(3)]
    workers = [start(url, path) for path in paths]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    left = [line for path in paths for line in path.read_text().splitlines() if " " in line]
    assert len(left) == 100
    check(url, left, limit=0.1)


@pytest.mark.slow
@pytest.mark.skipif("PRIVET_LONG_TESTS" not in os.environ, reason="a quarter of an hour: set PRIVET_LONG_TESTS=1")
def test_a_thousand_kills_leave_no_uncharged_release(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/book.db"
    ledger = Ledger.open(url)
    make_account(ledger, epsilon=1000)
    ledger.close()
    left = kill_many(url, tmp_path, kills=1000, seed=2)
    check(url, left, limit=1000)
