"""Cost of the gate: reserve+commit and `spent` on a book of 100,000 events, beside the peers' accountants.

python benchmarks/ledger.py [--events 100000] [--peer-python PATH]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from measuring import keep, show
from privet.core.events import DiscreteLaplace, Gaussian, PureLoss
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import Ledger
from privet.ledger.book import Request
from privet.ledger.export import joint_epsilon

DIFFPRIVLIB = """
import json, time
from diffprivlib import BudgetAccountant
result = {}
for count in (250, 1000):
    accountant = BudgetAccountant(epsilon=1e6)
    begun = time.perf_counter()
    for _ in range(count):
        accountant.spend(0.01, 0)
    result[str(count)] = time.perf_counter() - begun
print(json.dumps(result))
"""


def fill(ledger: Ledger, events: int) -> None:
    """Write a large book quickly: many claims in one transaction, through the book's own code."""
    import contextlib

    store = ledger.book.store
    menu = [DiscreteLaplace(Fraction(20), 1), Gaussian(30), PureLoss("0.001")]
    with store.write() as shared:

        @contextlib.contextmanager
        def same():  # type: ignore[no-untyped-def]
            yield shared

        real = (type(store).write, type(store).read)
        type(store).write = type(store).read = lambda self: same()  # type: ignore[method-assign,assignment]
        try:
            for number in range(events):
                claim = ledger.book.reserve(Request("people", f"claim {number}", menu[number % 3]))
                ledger.book.commit(claim.id, digest="0" * 64, noise_class="benchmark")
        finally:
            type(store).write, type(store).read = real  # type: ignore[method-assign]


def time_claims(ledger: Ledger, rounds: int) -> list[float]:
    times = []
    for number in range(rounds):
        begun = time.perf_counter()
        claim = ledger.book.reserve(Request("people", f"timed {number}", DiscreteLaplace(Fraction(20), 1)))
        ledger.book.commit(claim.id, digest="0" * 64, noise_class="benchmark")
        times.append(time.perf_counter() - begun)
    return times


def measure(url: str, events: int) -> dict[str, float]:
    ledger = Ledger.open(url)
    limits = {"epsilon": 10**6, "delta": "1e-6"}
    ledger.create_account("people", unit=PrivacyUnit("person"), relation=Relation.ADD_OR_REMOVE, **limits)
    begun = time.perf_counter()
    fill(ledger, events)
    filled = time.perf_counter() - begun
    claims = time_claims(ledger, 100)
    begun = time.perf_counter()
    ledger.account("people").spent()
    spent = time.perf_counter() - begun
    begun = time.perf_counter()
    joint = joint_epsilon(ledger.book, "people") or float("nan")
    jointly = time.perf_counter() - begun
    begun = time.perf_counter()
    ok = ledger.verify().ok
    verified = time.perf_counter() - begun
    ledger.close()
    if not ok:
        raise SystemExit("the benchmark's book does not verify")
    return {
        "events": events,
        "fill_s": filled,
        "reserve_commit_median_ms": statistics.median(claims) * 1e3,
        "reserve_commit_max_ms": max(claims) * 1e3,
        "spent_s": spent,
        "joint_s": jointly,
        "joint_epsilon": joint,
        "verify_s": verified,
    }


def peer(python: str | None) -> dict[str, float] | str:
    if python is None:
        return "not installed"
    done = subprocess.run([python, "-c", DIFFPRIVLIB], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--peer-python")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = measure(f"sqlite:///{Path(folder)}/book.db", options.events)
    theirs = peer(options.peer_python)
    show("Ledger (SQLite, durable)", columns=["what", "value"], rows=[[name, value] for name, value in ours.items()])
    print(f"  diffprivlib BudgetAccountant (in memory, not durable), seconds for so many spends: {theirs}")
    keep("ledger", {"sqlite": ours, "diffprivlib_seconds": theirs}, packages=["sqlalchemy", "dp-accounting"])


if __name__ == "__main__":
    main()
