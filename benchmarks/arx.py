"""ARX, a Java program, as a peer of the exact search: the same rows and hierarchies, timed when told.

No registry of packages has it. With its jar (https://arx.deidentifier.org, 3.6 or later, dependencies included) and
Java 11 or later, ``--arx JAR`` measures it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from privet.deidentify.hierarchies import Hierarchy

_DRIVER = Path(__file__).with_name("ArxSearch.java")


class Arx:
    """ARX with a table in memory; as in Privet's search, reading the table is not timed."""

    def __init__(self, jar: Path, table: Any, hierarchies: Mapping[str, Hierarchy]) -> None:
        if shutil.which("java") is None or not jar.is_file():
            raise SystemExit(f"ARX needs Java and a jar; there is no {jar if shutil.which('java') else 'java'}")
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        write(folder, table, hierarchies)
        command = ["java", "-cp", str(jar), str(_DRIVER), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._hear(until="ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate(timeout=60)
        self._folder.cleanup()

    def search(self, *, k: int, suppress: float) -> tuple[float, tuple[int, ...]]:
        """CPU seconds of one exact search under the loss metric, and the levels of its optimum."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{k} {suppress}\n")
        self._process.stdin.flush()
        seconds, *levels = self._hear().split()
        return float(seconds), tuple(int(level) for level in levels)

    def _hear(self, until: str | None = None) -> str:
        """The next line; ARX may print of its own while it loads."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if until is None or line.strip() == until:
                return line
        raise SystemExit("ARX stopped; what it printed above says why")


def write(folder: Path, table: Any, hierarchies: Mapping[str, Hierarchy]) -> None:
    """Rows and hierarchies as tab-separated text: ``table.tsv`` and a file for each column."""
    columns = list(hierarchies)
    rows = table[columns].astype(str)
    _lines(folder / "table.tsv", [columns, *rows.itertuples(index=False)])
    for name, hierarchy in hierarchies.items():
        labels = sorted(table[name].unique().tolist())
        ladder = hierarchy.climb(labels)
        words = zip(*([str(names[code]) for code in codes] for codes, names in _rungs(ladder)), strict=True)
        _lines(folder / f"{name}.tsv", words)


def _rungs(ladder: Any) -> list[tuple[list[int], tuple[Any, ...]]]:
    return [(codes.tolist(), names) for codes, names in zip(ladder.codes, ladder.names, strict=True)]


def _lines(path: Path, rows: Any) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
