"""How long `import privet`, `privet --help` and a second `make demo` environment check take, beside bare Python."""

from __future__ import annotations

import subprocess
import sys

from measuring import interleaved, keep, show

WORKS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import privet": [sys.executable, "-c", "import privet"],
    "import privet.ledger": [sys.executable, "-c", "import privet.ledger"],
    "privet --help": [sys.executable, "-m", "privet", "--help"],
}


def main() -> None:
    def run(command: list[str]) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    times = interleaved({name: (lambda c=command: run(c)) for name, command in WORKS.items()}, rounds=7)
    show("Start-up, seconds (median of 7)", columns=["command", "seconds"], rows=[[n, s] for n, s in times.items()])
    keep("startup", times, packages=["typer", "rich"])


if __name__ == "__main__":
    main()
