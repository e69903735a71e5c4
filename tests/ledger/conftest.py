"""Books of every kind for the shared contract, and a PostgreSQL server that lives as long as the test session."""

from __future__ import annotations

import getpass
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import Account, Ledger

PERSON = PrivacyUnit("person")
RELATION = Relation.ADD_OR_REMOVE


def _programs() -> Path | None:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb") or ""]
    return Path(found[-1]).parent if found[-1] else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a server on a loopback port, without a database name."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server programs here (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="privet-pg-"))
    # PostgreSQL refuses to run as root, so root hands it to the user that its package made.
    identity = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    name = "postgres" if identity else getpass.getuser()
    if identity:
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", _free_port()
    subprocess.run(
        [programs / "initdb", "-D", data, "-A", "trust", "-U", name],
        check=True,
        capture_output=True,
        cwd=folder,
        **identity,
    )
    options = ["-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "log_min_messages=fatal"]
    server = subprocess.Popen(
        [programs / "postgres", *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **identity
    )
    try:
        _wait_until_it_answers(port, server)
        yield f"postgresql+psycopg://{name}@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            pytest.fail("the PostgreSQL server stopped while starting")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                time.sleep(0.3)
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the PostgreSQL server did not answer within 30 s")


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of a fresh, empty database."""
    import psycopg

    database = f"book_{uuid.uuid4().hex}"
    plain = postgres_server.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(f"{plain}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")
    return f"{postgres_server}/{database}"


KINDS = ["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=KINDS)
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty book: memory, SQLite and PostgreSQL in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/book.db"


@pytest.fixture(params=KINDS[1:])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty book that outlives the process."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/book.db"


@pytest.fixture
def any_ledger(any_url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(any_url)
    yield ledger
    ledger.close()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger.in_memory()


def make_account(ledger: Ledger, name: str = "people", **terms: object) -> Account:
    """An account for tests: epsilon 1, no delta, unless said otherwise."""
    settings: dict[str, object] = {"unit": PERSON, "relation": RELATION, "epsilon": 1, "delta": 0, **terms}
    return ledger.create_account(name, **settings)  # type: ignore[arg-type]
