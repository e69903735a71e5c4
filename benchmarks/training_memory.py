"""Memory that training steps add to a process: one process for each engine and model.

python benchmarks/training_memory.py WHO MODEL     (by the Python of WHO; prints mebibytes after 2 and after 5 steps)
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch


def added(who: str, model: str) -> tuple[float, float]:
    """Peak memory beyond that of the module and its batch, after two and after five steps, in mebibytes."""
    torch.set_num_threads(1)
    torch.randn(256, 256) @ torch.randn(256, 256)
    if who.startswith("Privet"):
        from training import private
        from training_models import problems

        step = private(problems()[model](), memory=0 if "lean" in who else None)
    else:
        from training_peer import makers

        step = makers()[f"{who}|{model}"]()
    before, peaks = _peak(), []
    for number in range(5):
        step()
        if number in (1, 4):
            peaks.append(_peak() - before)
    return peaks[0], peaks[1]


def _peak() -> float:
    """Of this program alone: what ``getrusage`` says begins with the peak of whoever started it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def measured(python: str, who: str, model: str) -> tuple[float, float] | None:
    """The same, in a process of its own; None where the engine refuses the model."""
    here = Path(__file__)
    # Not resolved: an environment's Python is a link, and knows by its own place what it has.
    command = [str(Path(python).absolute()), str(here.absolute()), who, model]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here.absolute().parent, check=False)
    if done.returncode:
        return None
    two, five = map(float, done.stdout.split()[-2:])
    return two, five


if __name__ == "__main__":
    print(*added(sys.argv[1], sys.argv[2]))
