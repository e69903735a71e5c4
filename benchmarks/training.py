"""A private step beside a plain one, ours and Opacus', interleaved in one run; one thread.

python benchmarks/training.py [--peer-python PATH]

Each library is held to the plain step of its own process, so that no process' luck counts. Steps are whole: forward,
backward, clip, noise, SGD. Noise is secure by default in ours and a statistical generator's in Opacus.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from measuring import interleaved_seconds, keep, show, timed
from peers import Peer
from privet.core.neighbours import PrivacyUnit, Relation
from privet.noise.secure import SecureNoise
from privet.training.clipping import FlatClipping
from privet.training.engine.module import PrivateModule
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.noise_law import IndependentNoise
from privet.training.sampling import PoissonSampling
from privet.training.training_plan import TrainingPlan
from training_models import models

PEER = """
import copy, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {folder!r})
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
torch.set_num_threads(1)
from training_models import models
from opacus import PrivacyEngine
from opacus.layers import DPLSTM

def plain(net, x, y):
    opt = torch.optim.SGD(net.parameters(), lr=1e-3)
    def step():
        opt.zero_grad()
        F.cross_entropy(net(x), y).backward()
        opt.step()
    return step

def private(net, x, y, mode):
    loader = DataLoader(TensorDataset(torch.zeros(len(x), 1), y), batch_size=len(x))
    made = PrivacyEngine().make_private(module=net.train(), optimizer=torch.optim.SGD(net.parameters(), lr=1e-3),
        data_loader=loader, noise_multiplier=1.0, max_grad_norm=1.0, poisson_sampling=False, grad_sample_mode=mode,
        **(dict(criterion=nn.CrossEntropyLoss()) if mode == "ghost" else {{}}))
    net, opt = made[0], made[1]
    loss = made[2] if mode == "ghost" else F.cross_entropy
    def step():
        opt.zero_grad()
        loss(net(x), y).backward()
        opt.step()
    return step

for name, (net, x, y) in models().items():
    works["plain|" + name] = plain(net, x, y)
for mode in ("hooks", "ghost"):
    for name, (net, x, y) in models(DPLSTM).items():
        works["Opacus " + mode + "|" + name] = private(net, x, y, mode)
"""


class EndlessNoise:
    """Stands for a claim: real noise, no ledger."""

    done = 1

    def next(self, *, number: int | None) -> SecureNoise:
        return SecureNoise()


def plain(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    return step


def private(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    sampling = PoissonSampling(Fraction(1, 100), expected_batch_size=float(len(x)))
    plan = TrainingPlan("benchmark", PrivacyUnit("example"), Relation.ZERO_OUT, sampling, FlatClipping(1.0),
                        IndependentNoise(1.0), 10**6)  # fmt: skip
    module = PrivateModule(net)
    optimizer = PrivateOptimizer(
        torch.optim.SGD(net.parameters(), lr=1e-3), module=module, plan=plan, loss_reduction="mean"
    )
    optimizer.begin(EndlessNoise())  # type: ignore[arg-type]

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(module(x), y).backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    with Peer(options.peer_python, PEER.format(folder=str(Path(__file__).parent))) as peer:
        for name, (net, x, y) in models().items():
            works = {"plain": timed(plain(copy.deepcopy(net), x, y)), "Privet": timed(private(net, x, y))}
            theirs = {work: (lambda w=work: peer.seconds(w)) for work in peer.works if work.endswith("|" + name)}
            medians = interleaved_seconds(works | theirs, rounds=9 if "LSTM" in name else 15)
            found[name] = {"plain_ms": medians["plain"] * 1e3, "Privet": medians["Privet"] / medians["plain"]}
            base = medians.get(f"plain|{name}")
            for work in theirs:
                who = work.partition("|")[0]
                if base and who != "plain":
                    found[name][who] = medians[work] / base
    columns = ["model", "plain step, ms", "Privet", "Opacus hooks", "Opacus ghost"]
    rows = [
        [name, values["plain_ms"], *(values.get(who, "-") for who in columns[2:])] for name, values in found.items()
    ]
    show("A private step over a plain one (medians, one thread)", columns=columns, rows=rows)
    keep("training", found, packages=["torch"])


if __name__ == "__main__":
    main()
