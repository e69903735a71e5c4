"""Programs written for Opacus, and the same programs with nothing but their imports changed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("programs")
NAMES = sorted(path.name.removesuffix(".py.txt") for path in FOLDER.iterdir())
# The whole of what somebody who moves has to know; docs/training.md has it as a table.
IMPORTS = (
    ("from opacus.utils.batch_memory_manager import", "from privet.training import"),
    ("from opacus.", "from privet.training."),
    ("from opacus import", "from privet.training import"),
)


def text(name: str) -> str:
    """The program as its user wrote it."""
    return (FOLDER / f"{name}.py.txt").read_text(encoding="utf-8")


def moved(program: str) -> str:
    """The program with its imports of Opacus changed, and no other line."""
    return "\n".join(map(_moved, program.split("\n")))


def _moved(line: str) -> str:
    for old, new in IMPORTS:
        if line.startswith(old):
            return line.replace(old, new, 1)
    return line


def changed_lines(program: str) -> list[str]:
    return [a for a, b in zip(program.split("\n"), moved(program).split("\n"), strict=True) if a != b]


def run(program: str, folder: Path) -> dict[str, Any]:
    """Run it as a script; gives its names."""
    script = folder / "program.py"
    script.write_text(program, encoding="utf-8")
    return runpy.run_path(str(script), run_name="__main__")


def needs(program: str) -> set[str]:
    """Packages that it imports."""
    return set(re.findall(r"^(?:from|import) (\w+)", program, re.MULTILINE))
