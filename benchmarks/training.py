"""A private step beside a plain one: ours, Opacus' and fastDP's, interleaved in one run; one thread, CPU time.

python benchmarks/training.py [--peer-python PATH] [--rounds N] [--only TEXT] [--budgets MIB ...] [--avx2]

Each library is held to the plain step of its own process, so that no process' luck counts. Steps are whole: forward,
backward, clip, noise, SGD. Noise is secure by default in ours and a statistical generator's in the peers. ``fused`` is
what ``privet.training.fit`` runs for chains of linear layers. ``--budgets`` adds ours with so much memory for gradients
of single examples; lean is none. Only a run of all models without it is kept. What a plain step costs depends on the
processor: ``--avx2`` holds everybody's libraries to what one without AVX-512 has, and is kept beside the other. Ratios
are those of medians; the last column is that of the quickest rounds of ours (fused where there is that) and of plain.
On an accelerator: training_device.py.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch
from torch import nn

from drawing import bars
from measuring import RESULTS, interleaved_rounds, interleaved_seconds, keep, show
from peers import Peer
from privet.core.neighbours import PrivacyUnit, Relation
from privet.noise.secure import SecureNoise
from privet.training.clipping import FlatClipping
from privet.training.engine import PrivacyEngine
from privet.training.engine.criterion import PrivateCriterion
from privet.training.engine.module import PrivateModule
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.noise_law import IndependentNoise
from privet.training.per_example.piece import Piece
from privet.training.per_example.watch import Watch
from privet.training.sampling import PoissonSampling
from privet.training.training_plan import TrainingPlan
from training_models import EPOCHS, Problem, problems
from training_peer import many, plain, plain_epoch

PEER = "import sys; sys.path.insert(0, {folder!r}); from training_peer import fill; fill(works)"
# Read when the libraries are loaded.
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
GOALS = {"logistic": 0.8, "MLP": 1.08, "CNN": 1.0, "WRN": 1.15, "LSTM": 1.12, "transformer 4": 1.1, "LoRA": 1.0}


class EndlessNoise:
    """Stands for a claim: real noise, no ledger."""

    done = 1

    def __init__(self) -> None:
        self._source = SecureNoise()

    def next(self, *, number: int | None) -> SecureNoise:
        return self._source


def prepared(problem: Problem, memory: int | None, *, compiled: bool = False) -> tuple[PrivateModule, PrivateOptimizer]:
    sampling = PoissonSampling(Fraction(1, 100), expected_batch_size=float(len(problem.x)))
    plan = TrainingPlan("benchmark", PrivacyUnit("example"), Relation.ZERO_OUT, sampling, FlatClipping(1.0),
                        IndependentNoise(1.0), 10**6)  # fmt: skip
    module = PrivateModule(problem.net, watch=Watch(problem.net, memory=memory, compile=compiled))
    optimizer = PrivateOptimizer(
        torch.optim.SGD(problem.trained(), lr=1e-3), module=module, plan=plan, loss_reduction="mean"
    )
    optimizer.begin(EndlessNoise())  # type: ignore[arg-type]
    return module, optimizer


def private(problem: Problem, memory: int | None = None) -> Callable[[], None]:
    """A step of a user's own loop."""
    module, optimizer = prepared(problem, memory)

    def step() -> None:
        optimizer.zero_grad()
        problem.loss(module(problem.x)).backward()
        optimizer.step()

    return step


def fused(problem: Problem) -> Callable[[], None] | None:
    """A step of ``fit``, where it needs no autograd."""
    module, optimizer = prepared(problem, None)
    criterion = PrivateCriterion(nn.CrossEntropyLoss(), reduction="mean")
    module.watch.guard()
    numbers = itertools.count()

    def step() -> None:
        module.watch.begin(Piece(next(numbers), problem.x.shape[0], True, None))
        if optimizer.run(problem.x, lambda out: criterion.slope(out, problem.y)):
            return
        optimizer.zero_grad()
        criterion(module(problem.x), problem.y).backward()
        optimizer.step()

    step()
    module.watch.begin(Piece(next(numbers), problem.x.shape[0], True, None))
    return step if optimizer.run(problem.x, lambda out: criterion.slope(out, problem.y)) else None


def cpu_timed(work: Callable[[], object], times: int) -> Callable[[], float]:
    """CPU seconds of one of ``times`` runs: other processes' work does not count."""

    def seconds() -> float:
        begun = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - begun) / times

    return seconds


def raced(name: str, peer: Peer, rounds: int, budgets: list[int]) -> dict[str, float]:
    make = problems()[name]
    several = 20 if "logistic" in name else 3 if "MLP" in name else 1
    works = {
        "plain": cpu_timed(plain(make()), several),
        "Privet": cpu_timed(private(make()), several),
        "Privet, lean": cpu_timed(private(make(), 0), several),
    }
    works |= {f"Privet, {size} MiB": cpu_timed(private(make(), size << 20), several) for size in budgets}
    one = None if make().tokens else fused(make())
    if one is not None:
        works["Privet, fused"] = cpu_timed(one, several)
    steps = [work for work in peer.works if work.endswith("|" + name) and ", epoch" not in work]
    theirs = {work: (lambda w=work: peer.seconds(w, several)) for work in steps}
    times = interleaved_rounds(works | theirs, rounds=rounds)
    medians = {who: statistics.median(seconds) for who, seconds in times.items()}
    found = {"plain_ms": medians["plain"] * 1e3}
    found |= {who: medians[who] / medians["plain"] for who in works if who != "plain"}
    # On a machine with other work on it the quickest rounds are those that nobody disturbed.
    found["quickest"] = min(times["Privet, fused" if one is not None else "Privet"]) / min(times["plain"])
    base = medians.get(f"plain|{name}")
    for work in theirs:
        who = work.partition("|")[0]
        if base and who != "plain":
            found[who] = medians[work] / base
    return found


def raced_epochs(name: str, peer: Peer, rounds: int) -> dict[str, float]:
    """CPU milliseconds of whole epochs with their loaders."""
    make = problems()[name]
    ours = {
        "plain": plain_epoch(make()),
        "Privet, fit": private_epoch(make(), by_fit=True),
        "Privet, own loop": private_epoch(make(), by_fit=False),
    }
    works = {who: cpu_timed(work, 1) for who, work in ours.items()}
    theirs = {work: (lambda w=work: peer.seconds(w, 1)) for work in peer.works if work.endswith(f", epoch|{name}")}
    medians = interleaved_seconds(works | theirs, rounds=rounds)
    told = {work: f"{'plain, the peer' if work.startswith('plain') else work.partition(',')[0]}" for work in theirs}
    return {told.get(work, work): 1e3 * seconds for work, seconds in medians.items()}


def private_epoch(problem: Problem, *, by_fit: bool) -> Callable[[], None]:
    """A pass over the private loader: by a user's own loop, or as ``fit`` does it."""
    criterion = nn.CrossEntropyLoss()
    model, optimizer, loss, loader = PrivacyEngine().make_private(
        module=problem.net, optimizer=torch.optim.SGD(problem.trained(), lr=1e-3), data_loader=many(problem),
        noise_multiplier=1.0, max_grad_norm=1.0, criterion=criterion,
    )  # fmt: skip

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        if by_fit and optimizer.run(x, lambda out: loss.slope(out, y)):
            return
        optimizer.zero_grad()
        (loss if by_fit else criterion)(model(x), y).backward()
        optimizer.step()

    def whole() -> None:
        for x, y in loader:
            step(x, y)

    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--only", default="")
    parser.add_argument("--budgets", type=int, nargs="*", default=[], metavar="MIB")
    parser.add_argument("--avx2", action="store_true")
    options = parser.parse_args()
    if options.avx2 and any(os.environ.get(name) != value for name, value in AVX2.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | AVX2)
    torch.set_num_threads(1)
    names = [name for name in problems() if options.only in name]
    with Peer(options.peer_python, PEER.format(folder=str(Path(__file__).parent))) as peer:
        found = {name: raced(name, peer, options.rounds, options.budgets) for name in names}
        epochs = {name: raced_epochs(name, peer, options.rounds) for name in names if name in EPOCHS}
    given = [f"Privet, {size} MiB" for size in options.budgets]
    columns = ["Privet, fused", "Privet", *given, "Privet, lean", "Opacus hooks", "Opacus ghost", "fastDP"]
    header = ["model", "plain step, ms", *columns, "goal", "quickest rounds"]
    rows = [
        [name, values["plain_ms"], *(values.get(who, "-") for who in columns), goal_of(name), values["quickest"]]
        for name, values in found.items()
    ]
    level = torch.backends.cpu.get_cpu_capability()
    title = f"CPU time of a private step over a plain one (medians, one thread, kernels for {level})"
    text = show(title, columns=header, rows=rows)
    if epochs:
        whos = list(next(iter(epochs.values())))
        parts = [[name, *values.values()] for name, values in epochs.items()]
        text += show("CPU milliseconds of an epoch of 20 batches, the loader's work included", columns=["model", *whos],
                     rows=parts)  # fmt: skip
    if not options.only and not options.budgets:
        name = "training_avx2" if options.avx2 else "training"
        keep(name, {"kernels": level, "ratios": found, "epochs_ms": epochs}, packages=["torch"])
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
        (RESULTS / f"{name}.svg").write_text(bars(title, found, columns=columns), encoding="utf-8")


def goal_of(name: str) -> float:
    return next(goal for part, goal in GOALS.items() if part in name)


if __name__ == "__main__":
    main()
