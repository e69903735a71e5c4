"""How the benchmarks measure: interleaved rounds, medians, and a results file with versions and date."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def interleaved(works: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Median wall seconds of each work, run in turn so that a slow moment of the machine hits all of them."""
    return interleaved_seconds({name: timed(work) for name, work in works.items()}, rounds=rounds)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """The work, telling how many wall seconds it took."""

    def seconds() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return seconds


def interleaved_seconds(works: dict[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """The same for works that tell their own seconds, such as a peer elsewhere."""
    return {name: statistics.median(seconds) for name, seconds in interleaved_rounds(works, rounds=rounds).items()}


def interleaved_rounds(works: dict[str, Callable[[], float]], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round. The first is not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            seconds = work()
            if number:
                times[name].append(seconds)
    return times


def show(title: str, *, columns: list[str], rows: list[list[object]]) -> str:
    """Print a small table, and give it as Markdown."""
    cells = [columns, *[[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([f"**{title}**", "", lines[0], "|" + "---|" * len(columns), *lines[1:], "", ""])


def keep(name: str, body: dict[str, Any], *, packages: list[str]) -> None:
    """Write results with the versions and the date they belong to."""
    RESULTS.mkdir(exist_ok=True)
    made = {
        "benchmark": name,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {package: _version(package) for package in ["privet", *packages]},
        "results": body,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
