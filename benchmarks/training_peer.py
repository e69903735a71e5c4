"""The peers' training steps; run by the peers' own Python.

fastDP is on no package index: set FASTDP_PATH to a checkout of awslabs/fast-differential-privacy to have it, too.
"""

import contextlib
import io
import os
import sys
import warnings

import torch
from torch import nn

from training_models import EPOCHS, problems

warnings.simplefilter("ignore")


def plain(problem):
    optimizer = torch.optim.SGD(problem.trained(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        problem.loss(problem.net(problem.x)).backward()
        optimizer.step()

    return step


def opacus(problem, mode):
    from opacus import PrivacyEngine
    from torch.utils.data import DataLoader, TensorDataset

    count = len(problem.x)
    loader = DataLoader(TensorDataset(torch.zeros(count, 1), torch.zeros(count)), batch_size=count)
    made = PrivacyEngine().make_private(
        module=problem.net.train(), optimizer=torch.optim.SGD(problem.trained(), lr=1e-3), data_loader=loader,
        noise_multiplier=1.0, max_grad_norm=1.0, poisson_sampling=False, grad_sample_mode=mode,
        **({"criterion": nn.CrossEntropyLoss()} if mode == "ghost" else {}),
    )  # fmt: skip
    net, optimizer = made[0], made[1]

    def loss(out):
        if mode != "ghost":
            return problem.loss(out)
        if problem.tokens:
            return made[2](out.flatten(0, -2), problem.y.flatten(), shape=out.shape)
        return made[2](out, problem.y)

    def step():
        optimizer.zero_grad()
        loss(net(problem.x)).backward()
        optimizer.step()

    return step


def fast_dp(problem):
    sys.path.insert(0, os.environ["FASTDP_PATH"])
    with contextlib.redirect_stdout(io.StringIO()):
        import fastDP

        optimizer = torch.optim.SGD(problem.trained(), lr=1e-3)
        fastDP.PrivacyEngine(
            problem.net, batch_size=len(problem.x), sample_size=50_000, epochs=3, noise_multiplier=1.0,
            target_epsilon=None, max_grad_norm=1.0, clipping_fn="Abadi", clipping_mode="MixOpt",
            clipping_style="all-layer",
        ).attach(optimizer)  # fmt: skip

    def step():
        problem.loss(problem.net(problem.x)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def epoch(problem, optimizer, net, loader):
    """One pass over a loader, as every tutorial has it."""

    def whole():
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()

    return whole


def many(problem):
    """Twenty batches' worth of examples, behind a loader."""
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(1)
    examples = TensorDataset(problem.x.repeat(20, 1) + 0.1 * torch.randn(20 * len(problem.x), problem.x.shape[1]),
                             problem.y.repeat(20))  # fmt: skip
    return DataLoader(examples, batch_size=len(problem.x), shuffle=True)


def plain_epoch(problem):
    return epoch(problem, torch.optim.SGD(problem.trained(), lr=1e-3), problem.net, many(problem))


def opacus_epoch(problem, mode):
    from opacus import PrivacyEngine

    net, optimizer, loader = PrivacyEngine().make_private(
        module=problem.net.train(), optimizer=torch.optim.SGD(problem.trained(), lr=1e-3), data_loader=many(problem),
        noise_multiplier=1.0, max_grad_norm=1.0, grad_sample_mode=mode,
    )  # fmt: skip
    return epoch(problem, optimizer, net, loader)


def makers():
    """Makers of steps by ``who|model``; a peer that refuses a model says so when it is asked."""
    made = {}
    for name, make in problems().items():
        made["plain|" + name] = lambda make=make: plain(make())
        if name in EPOCHS:
            made["plain, epoch|" + name] = lambda make=make: plain_epoch(make())
        if "FASTDP_PATH" in os.environ and "LSTM" not in name:  # it would not train the LSTM
            made["fastDP|" + name] = lambda make=make: fast_dp(make())
    with contextlib.suppress(ImportError):  # our own Python has no peers, and times a plain step by this file
        from opacus.layers import DPLSTM

        for name, make in problems(DPLSTM).items():
            for mode in ("hooks", "ghost"):
                made[f"Opacus {mode}|{name}"] = lambda make=make, mode=mode: opacus(make(), mode)
            if name in EPOCHS:
                made[f"Opacus hooks, epoch|{name}"] = lambda make=make: opacus_epoch(make(), "hooks")
    return made


def fill(works):
    """Every step that can be made."""
    torch.set_num_threads(1)
    for name, make in makers().items():
        try:
            works[name] = make()
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
