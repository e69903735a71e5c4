"""A private step on a CUDA device beside a plain one: milliseconds of wall time, and memory; peers in the same process.

python benchmarks/training_device.py [--rounds N] [--only TEXT] [--times FACTOR ...] [--compiled TEXT ...]

Models are those of ``training.py``, with their batches and with batches FACTOR times as large. Whole steps are timed in
turn: forward, backward, clip, noise, SGD; "bf16" is autocast, "compiled" is torch.compile of the module. PyTorch's
own defaults hold for all: convolutions may use TF32, products do not. Memory is the peak of five steps above
what module and batch take. Compiling takes minutes, so only some models are compiled, with the largest batch. Opacus is
timed where the same Python has it. Only a run of all models is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from measuring import RESULTS, interleaved_rounds, keep, show
from training import prepared
from training_models import Problem, problems
from training_peer import opacus

Step = Callable[[], object]
# So long a round lasts at least.
_SECONDS = 0.05


@contextlib.contextmanager
def half(on: bool) -> Iterator[None]:
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=on):
        yield


def stepping(problem: Problem, module: Any, optimizer: Any, *, bf16: bool) -> Step:
    def step() -> None:
        optimizer.zero_grad()
        with half(bf16):
            loss = problem.loss(module(problem.x))
        loss.backward()
        optimizer.step()

    return step


def plain(problem: Problem, *, bf16: bool = False, compiled: bool = False) -> Step:
    optimizer = torch.optim.SGD(problem.trained(), lr=1e-3)
    module = torch.compile(problem.net) if compiled else problem.net

    return stepping(problem, module, optimizer, bf16=bf16)


def private(problem: Problem, *, memory: int | None = None, bf16: bool = False, compiled: bool = False) -> Step:
    module, optimizer = prepared(problem, memory, compiled=compiled)

    return stepping(problem, module, optimizer, bf16=bf16)


WAYS: dict[str, Callable[[Problem], Step]] = {
    "plain": plain,
    "Privet": private,
    "Privet, lean": partial(private, memory=0),
    "Opacus hooks": partial(opacus, mode="hooks"),
    "Opacus ghost": partial(opacus, mode="ghost"),
    "plain, bf16": partial(plain, bf16=True),
    "Privet, bf16": partial(private, bf16=True),
    "plain, compiled": partial(plain, compiled=True),
    "Privet, compiled": partial(private, compiled=True),
    "plain, compiled, bf16": partial(plain, compiled=True, bf16=True),
    "Privet, compiled, bf16": partial(private, compiled=True, bf16=True),
}


def on_device(make: Any, times: int) -> Problem:
    """The problem with a batch ``times`` as large."""
    problem = make()
    x, y = (part.repeat(times, *[1] * (part.dim() - 1)).cuda() for part in (problem.x, problem.y))
    return Problem(problem.net.cuda(), x, y, problem.tokens)


def timed(step: Step) -> Callable[[], float]:
    """Seconds of one of so many steps as make a round."""
    for _ in range(3):
        step()
    count = max(1, round(_SECONDS / _seconds(step, 3)))
    return lambda: _seconds(step, count)


def _seconds(step: Step, count: int) -> float:
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(count):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - begun) / count


def raced(name: str, times: int, *, rounds: int, compiled: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds of a step and MiB of its peak, by who."""
    ours = problems()[name]
    theirs = _with_their_layers(name) or ours
    memory: dict[str, float] = {}
    works: dict[str, Callable[[], float]] = {}
    for who, step_of in WAYS.items():
        if "compiled" in who and not compiled:
            continue
        make = theirs if who.startswith("Opacus") else ours
        try:
            with _clean():
                works[who], memory[who] = _begun(step_of, on_device(make, times))
        except Exception as error:
            print(f"{name} x{times}, {who}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    rows = interleaved_rounds(works, rounds=rounds).items()
    return {who: 1e3 * statistics.median(seconds) for who, seconds in rows}, memory


def _begun(step_of: Callable[[Problem], Step], problem: Problem) -> tuple[Callable[[], float], float]:
    """How to time it, and MiB above those of module and batch."""
    base = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step = step_of(problem)
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    return timed(step), (torch.cuda.max_memory_allocated() - base) / 2**20


@contextlib.contextmanager
def _clean() -> Iterator[None]:
    gc.collect()
    torch.cuda.empty_cache()
    yield
    gc.collect()
    torch.cuda.empty_cache()


def _with_their_layers(name: str) -> Any:
    with contextlib.suppress(ImportError):
        from opacus.layers import DPLSTM

        return problems(DPLSTM)[name]
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--times", type=int, nargs="*", default=[1, 16])
    parser.add_argument("--compiled", nargs="*", default=["MLP", "transformer 4"])
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device here; benchmarks/training.py times steps on the host")
    steps, memories = {}, {}
    for name in problems():
        for times in options.times if options.only in name else []:
            key = name if times == 1 else f"{name}, times {times}"
            compiled = times == max(options.times) and any(part in name for part in options.compiled)
            steps[key], memories[key] = raced(name, times, rounds=options.rounds, compiled=compiled)
            print(key, {who: round(value, 2) for who, value in steps[key].items()}, flush=True)
            torch._dynamo.reset()
            if not options.only:
                # After each, so that little is lost if the rest takes too long.
                keep("training_device", {"device": torch.cuda.get_device_name(), "milliseconds": steps,
                                         "mebibytes": memories}, packages=["torch", "triton", "opacus"])  # fmt: skip
    device = torch.cuda.get_device_name()
    text = show(f"Milliseconds of a step on one {device}", columns=["model", *WAYS], rows=_rows(steps))
    text += show("MiB that five steps take above module and batch", columns=["model", *WAYS], rows=_rows(memories))
    if not options.only:
        (RESULTS / "training_device.md").write_text(text, encoding="utf-8")


def _rows(found: dict[str, dict[str, float]]) -> list[list[object]]:
    return [[key, *(values.get(who, "-") for who in WAYS)] for key, values in found.items()]


if __name__ == "__main__":
    main()
