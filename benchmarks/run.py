"""Every benchmark, one after another: prints all figures of the README.

    python benchmarks/run.py [--only NAME ...] [--peer-python PATH]

Peers live in their own environment (diffprivlib needs an older scikit-learn); give its Python to compare with them.
"""

from __future__ import annotations

import argparse
import inspect
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Accuracy takes an hour and is measured by ``make bench-utility``; the rest have peers of their own or long runs, and
# are measured by ``make bench-deidentify``.
APART = {"utility", "anonymity", "detection", "operators", "deidentify", "vault", "training_memory"}
NOT_BENCHMARKS = {
    "adult",
    "run",
    "measuring",
    "peers",
    "drawing",
    "training_models",
    "training_peer",
    "utility_tasks",
}


def benchmarks() -> list[str]:
    """Names of the benchmarks, found by file name."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)


def main() -> None:
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or ""))
    parser.add_argument("--only", nargs="+", choices=benchmarks(),
                        default=[name for name in benchmarks() if name not in APART])  # fmt: skip
    parser.add_argument("--peer-python", help="Python of an environment with opendp and diffprivlib")
    options = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    failed = []
    for name in options.only:
        command = [sys.executable, str(HERE / f"{name}.py")]
        if options.peer_python and "--peer-python" in (HERE / f"{name}.py").read_text(encoding="utf-8"):
            command += ["--peer-python", options.peer_python]
        failed += [name] if subprocess.run(command, env=environment, check=False).returncode else []
    if failed:
        sys.exit(f"these benchmarks failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
