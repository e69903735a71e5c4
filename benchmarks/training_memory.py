"""Memory that training steps add to a process, beside Opacus: a process for each engine and model, medians of five.

    python benchmarks/training_memory.py [--peer-python PATH] [--only MODEL]

With WHO and MODEL it measures one of them in this process, by the Python of WHO. Program code counts, too: pages of
libraries that the steps are the first to run, once in memory for all processes. A second table says how much that is.
"""

from __future__ import annotations

import argparse
import inspect
import statistics
import subprocess
import sys
from pathlib import Path

import torch

RUNS = 5


def added(who: str, model: str) -> tuple[float, float, float]:
    """Peak memory beyond that of the module and its batch, after two and five steps, and what of it is code: MiB."""
    torch.set_num_threads(1)
    torch.randn(256, 256) @ torch.randn(256, 256)
    if who.startswith("Privet"):
        from training import private
        from training_models import problems

        step = private(problems()[model](), memory=0 if "lean" in who else None)
    else:
        from training_peer import makers

        step = makers()[f"{who}|{model}"]()
    before, code, peaks = _told("VmHWM"), _told("RssFile"), []
    for number in range(5):
        step()
        if number in (1, 4):
            peaks.append(_told("VmHWM") - before)
    return peaks[0], peaks[1], _told("RssFile") - code


def _told(name: str) -> float:
    """Of this program alone: the peak that ``getrusage`` tells begins with that of whoever started it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def measured(python: str, who: str, model: str) -> tuple[float, ...] | None:
    """The same in processes of their own, medians; None where the engine refuses the model."""
    here = Path(__file__).absolute()
    # Not resolved: an environment's Python is a link, and knows by its own place what it has.
    command = [str(Path(python).absolute()), str(here), who, model]
    found = []
    for _ in range(RUNS):
        done = subprocess.run(command, capture_output=True, text=True, cwd=here.parent, check=False)
        if done.returncode:
            return None
        found.append(tuple(map(float, done.stdout.split()[-3:])))
    return tuple(statistics.median(side) for side in zip(*found, strict=True))


def cell(told: tuple[float, ...] | None, plain: tuple[float, ...]) -> str:
    return "refused" if told is None else f"{told[0]:.0f} / {told[1]:.0f} ({told[1] / plain[1]:.2f})"


def main(only: str, peer_python: str | None) -> None:
    from measuring import RESULTS, keep, show
    from training_models import problems

    pythons = dict.fromkeys(("plain", "Privet", "Privet lean"), sys.executable)
    pythons |= dict.fromkeys(("Opacus hooks", "Opacus ghost"), peer_python) if peer_python else {}
    names = [name for name in problems() if only in name]
    found = {name: {who: measured(python, who, name) for who, python in pythons.items()} for name in names}
    rows = [[name, *(cell(pair, pairs["plain"]) for pair in pairs.values())] for name, pairs in found.items()]
    title = "Memory added by steps, MiB: after two / after five (times plain), medians of five processes"
    text = show(title, columns=["model", *pythons], rows=rows)
    rows = [
        [name, *("refused" if told is None else f"{told[2]:.1f}" for told in whos.values())]
        for name, whos in found.items()
    ]
    text += show("Program code in it, MiB", columns=["model", *pythons], rows=rows)
    if not only:
        keep("training_memory", found, packages=["torch"])
        (RESULTS / "training_memory.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or ""))
    parser.add_argument("who", nargs="?")
    parser.add_argument("model", nargs="?")
    parser.add_argument("--peer-python")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if options.who:
        print(*added(options.who, options.model))
    else:
        main(options.only, options.peer_python)
