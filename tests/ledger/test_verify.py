"""A changed or removed row is found and named; a book that cannot be written lets nothing out."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from privet.core.errors import BudgetRefused, InvalidParameter, LedgerUnavailable, MissingDependency
from privet.ledger import Ledger
from privet.ledger.verify import verify

from .conftest import make_account
from .stand_ins import NoisyLength

ROOT = Path(__file__).parents[2]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book with a few releases, one of them forfeited."""
    path = tmp_path / "book.db"
    ledger = Ledger.open(f"sqlite:///{path}")
    account = make_account(ledger)
    for _ in range(4):
        account.release(NoisyLength(Fraction(1, 10)), account.seal([1]))
    account.allot("ada", epsilon="0.2", delta=0)
    ledger.close()
    return path


def tamper(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def problems(path: Path) -> str:
    ledger = Ledger.open(f"sqlite:///{path}")
    found = ledger.verify()
    ledger.close()
    return "\n".join(found.problems)


def test_an_untouched_book_verifies(book: Path) -> None:
    assert problems(book) == ""


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE privet_entries SET body = replace(body, '\"10\"', '\"90\"') WHERE seq = 4", "entry 4 "),
        ("UPDATE privet_entries SET at = '2020-01-01' WHERE seq = 3", "entry 3 "),
        ("UPDATE privet_entries SET body = 'x' WHERE seq = 5", "entry 5 "),
        ("DELETE FROM privet_entries WHERE seq = 6", "entry 6 was removed"),
        ("DELETE FROM privet_entries WHERE seq IN (4, 5)", "entry 4 to 5 was removed"),
        ("DELETE FROM privet_entries WHERE seq >= 9", "removed from the end"),
        ("UPDATE privet_accounts SET balance = replace(balance, '4', '1') WHERE name = 'people'", "account 'people'"),
        ("UPDATE privet_accounts SET spec = replace(spec, '\"1\"', '\"9\"') WHERE name = 'people'", "account 'people'"),
        ("UPDATE privet_accounts SET spec = '{}' WHERE name = 'people'", "account 'people'"),
        ("DELETE FROM privet_accounts WHERE name = 'ada'", "account 'ada'"),
        ("UPDATE privet_claims SET body = replace(body, 'committed', 'forfeited')", "claim 0000"),
        ("UPDATE privet_claims SET body = '['", "claim 0000"),
        ("DELETE FROM privet_claims", "claim 0000"),
        ("UPDATE privet_head SET seq = 3", "entry 10"),
    ],
)
def test_a_changed_or_removed_row_is_named(book: Path, statement: str, named: str) -> None:
    tamper(book, statement)
    assert named in problems(book)


def test_a_rewritten_chain_is_found_by_a_receipt_kept_elsewhere(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/book.db")
    account = make_account(ledger)
    receipt = account.release(NoisyLength(Fraction(1, 10)), account.seal([1])).receipt
    ledger.close()
    (tmp_path / "book.db").unlink()
    forged = Ledger.open(f"sqlite:///{tmp_path}/book.db")
    make_account(forged)
    assert forged.verify().ok
    assert f"receipt of claim {receipt.claim}" in verify(forged.book.store, receipts=(receipt,)).problems[0]
    forged.close()


def test_a_locked_book_is_a_clear_error_and_nothing_is_opened(book: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{book}", timeout=0.1)
    account = ledger.account("people")
    opened: list[str] = []
    holder = sqlite3.connect(book, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match=r"locked.*nothing was released"):
        account.release(NoisyLength(Fraction(1, 10)), account.seal_source(lambda: opened.append("x") or [1]))
    assert opened == []
    holder.execute("ROLLBACK")
    holder.close()
    assert account.release(NoisyLength(Fraction(1, 10)), account.seal([1])).receipt.epsilon == 0.1
    ledger.close()


FULL_DISK = """
import resource, signal, sys
from fractions import Fraction
from privet.core.errors import LedgerUnavailable
from privet.ledger import Ledger
from tests.ledger.stand_ins import NoisyLength
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
account = Ledger.open(sys.argv[1]).account("people")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
opened = []
try:
    while True:
        account.release(NoisyLength(Fraction(1, 10**6)), account.seal_source(lambda: opened.append(1) or [1]))
except LedgerUnavailable as error:
    print(error)
    print(len(opened))
"""


def test_a_full_disk_is_a_clear_error_and_nothing_leaves(book: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src{os.pathsep}{ROOT}"}
    limit = book.stat().st_size + 40_000
    command = [sys.executable, "-c", FULL_DISK, f"sqlite:///{book}", str(limit)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "nothing was released" in done.stdout, done.stderr[-500:]
    opened = int(done.stdout.split()[-1])
    ledger = Ledger.open(f"sqlite:///{book}")
    # Whatever was opened had been reserved: at most the last reservation was refused before it opened anything.
    assert ledger.account("people").spent().claims - 4 >= opened > 0
    assert ledger.verify().ok
    ledger.close()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("sqlite:////nowhere/at/all/book.db", LedgerUnavailable),
        ("sqlite://", InvalidParameter),
        ("mysql://localhost/book", InvalidParameter),
        ("nonsense", InvalidParameter),
        ("postgresql+psycopg://127.0.0.1:1/none", LedgerUnavailable),
        ("postgresql+nosuchdriver://127.0.0.1:1/none", MissingDependency),
    ],
)
def test_a_book_that_cannot_be_opened_is_one_clear_error(url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Ledger.open(url, timeout=2)


def test_a_mistyped_path_is_not_a_new_book(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="there is no ledger"):
        Ledger.open(f"sqlite:///{tmp_path}/typo.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_password_never_shows_in_an_error() -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        Ledger.open("postgresql+psycopg://me:hunter2@127.0.0.1:1/none", timeout=2)
    assert "hunter2" not in str(caught.value)


def test_a_book_of_another_process_is_seen_at_once(book: Path) -> None:
    first, second = (Ledger.open(f"sqlite:///{book}") for _ in range(2))
    first.account("people").release(NoisyLength(Fraction(6, 10)), first.account("people").seal([1]))
    with pytest.raises(BudgetRefused):
        second.account("people").release(NoisyLength(Fraction(1, 100)), second.account("people").seal([1]))
    first.close()
    second.close()
