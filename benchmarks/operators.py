"""Operators: values a second beside Presidio's anonymizer, MDAV rows a second, memory while streaming."""

from __future__ import annotations

import argparse
import inspect
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas

from measuring import interleaved_seconds, keep, show
from peers import Peer
from privet.deidentify.mdav import mdav
from privet.deidentify.policy import read_policy
from privet.deidentify.transform import apply_policy, reverse
from privet.noise.simulation import generator

KEY = bytes(range(32))
ROWS = 200_000
POLICY = """
others = "keep"
[columns.id]
operator = "pseudonymise"
[columns.born]
operator = "generalise_date"
to = "year"
"""


def cpu_seconds(work: Callable[[], object], *, rounds: int = 3) -> float:
    """The least CPU seconds of some runs: neighbours on the machine only add."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


PEER_ROWS = 2_000
PEER = f"""
ids = [f"A{{number:09d}}" for number in range({PEER_ROWS})]
try:
    from presidio_anonymizer import AnonymizerEngine
    from presidio_anonymizer.entities import OperatorConfig, RecognizerResult
    engine = AnonymizerEngine()
    whole = [RecognizerResult("ID", 0, 10, 1.0)]
    def treat(operator):
        for text in ids:
            engine.anonymize(text, list(whole), {{"DEFAULT": operator}})
    works["Presidio, hash"] = lambda: treat(OperatorConfig("hash", {{"hash_type": "sha256"}}))
    works["Presidio, encrypt"] = lambda: treat(OperatorConfig("encrypt", {{"key": "k" * 32}}))
except ImportError:
    pass
try:
    from cryptography.fernet import Fernet
    fernet = Fernet(Fernet.generate_key())
    works["Fernet"] = lambda: [fernet.encrypt(text.encode()) for text in ids]
except ImportError:
    pass
"""


def columns() -> dict[str, tuple[list[str], dict[str, object]]]:
    """Distinct values, and how they are treated."""
    numbers = range(ROWS)
    ids = [f"A{number:09d}" for number in numbers]
    ssn = [
        f"{1 + number // 9999 % 660:03d}-{1 + number // 9999 % 99:02d}-{1 + number % 9999:04d}" for number in numbers
    ]
    phones = [f"+1 415 {200 + number // 10_000}-{number % 10_000:04d}" for number in numbers]
    iban = [f"GB00BANK{number:022d}" for number in numbers]
    return {
        "format_preserving, characters, 92 bits": (iban, {"operator": "format_preserving", "kind": "characters"}),
        "pseudonymise": (ids, {"operator": "pseudonymise"}),
        "pseudonymise, reversible": (ids, {"operator": "pseudonymise", "reversible": True}),
        "format_preserving, us_ssn": (ssn, {"operator": "format_preserving", "kind": "us_ssn"}),
        "format_preserving, phone": (phones, {"operator": "format_preserving", "kind": "phone"}),
        "made_up_name": (ids, {"operator": "made_up_name"}),
    }


def values_a_second() -> dict[str, float]:
    found = {}
    for name, (values, settings) in columns().items():
        table, policy = pandas.DataFrame({"c": values}), read_policy({"columns": {"c": settings}})
        found[name] = ROWS / cpu_seconds(lambda table=table, policy=policy: apply_policy(table, policy=policy, key=KEY))
    values, settings = columns()["pseudonymise, reversible"]
    policy = read_policy({"columns": {"c": settings}})
    tokens = apply_policy(pandas.DataFrame({"c": values}), policy=policy, key=KEY)
    found["pseudonymise, turned back"] = ROWS / cpu_seconds(lambda: reverse(tokens, policy=policy, key=KEY))
    return found


def peers_values_a_second(python: str | None) -> dict[str, float]:
    with Peer(python, PEER) as peer:
        theirs = {name: (lambda name=name: peer.seconds(name, times=1)) for name in peer.works}
        return {name: PEER_ROWS / seconds for name, seconds in interleaved_seconds(theirs, rounds=3).items()}


def mdav_rows_a_second() -> dict[str, float]:
    found, draw = {}, generator(1)
    for rows, width in ((1_000_000, 1), (10_000, 4), (50_000, 4)):
        table = draw.normal(size=(rows, width))
        seconds = cpu_seconds(lambda table=table: mdav(table, k=5, most_rows=10_000), rounds=1)
        found[f"{rows:,} rows, {width} columns, k = 5"] = rows / seconds
    return found


def streaming(rows: int) -> dict[str, float]:
    """Size of a file, and CPU seconds and peak memory of the command that treats it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "people.csv").open("w", encoding="utf-8") as file:
            file.write("id,born,note\n")
            for start in range(0, rows, 100_000):
                file.write("".join(f"A{n:09d},19{50 + n % 50}-02-03,fine\n" for n in range(start, start + 100_000)))
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "privet",
            "deidentify",
            "people.csv",
            "--policy",
            "policy.toml",
            "-o",
            "out.csv",
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2); "
        code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        done = subprocess.run([sys.executable, "-c", code, *command], cwd=folder, check=True, stdout=subprocess.PIPE)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = (folder / "people.csv").stat().st_size / 1e6
    return {"MB": size, "CPU seconds": after.ru_utime - before.ru_utime, "peak MB": int(done.stdout.split()[-1]) / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or ""))
    parser.add_argument("--peer-python", help="Python of an environment with presidio-anonymizer and cryptography")
    options = parser.parse_args()
    rates = {**values_a_second(), **peers_values_a_second(options.peer_python)}
    groups = mdav_rows_a_second()
    files = {f"{rows:,} rows": streaming(rows) for rows in (100_000, 2_000_000, 6_000_000)}
    show(f"{ROWS:,} distinct values, one core", columns=["operator", "values a CPU second"],
         rows=[[name, f"{rate:,.0f}"] for name, rate in rates.items()])  # fmt: skip
    show("Microaggregation (MDAV)", columns=["table", "rows a CPU second"],
         rows=[[name, f"{rate:,.0f}"] for name, rate in groups.items()])  # fmt: skip
    show("privet deidentify on a CSV file", columns=["file", "MB", "CPU seconds", "peak MB"],
         rows=[[name, *found.values()] for name, found in files.items()])  # fmt: skip
    body = {"values_a_second": rates, "mdav_rows_a_second": groups, "streaming": files}
    keep("operators", body, packages=["pandas", "numpy", "pyarrow", "cryptography"])


if __name__ == "__main__":
    main()
