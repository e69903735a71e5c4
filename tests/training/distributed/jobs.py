"""What both ranks run; each function gives back plain values."""

from __future__ import annotations

import os
import warnings
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privet.core.errors import PrivetError
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import Account, Ledger
from privet.training import PrivacyEngine
from privet.training.clipping import AdaptiveClipping
from privet.training.correlated.banded import BandedToeplitz
from privet.training.correlated.law import CorrelatedNoise
from privet.training.distributed import DifferentiallyPrivateDistributedDataParallel
from privet.training.engine import BatchMemoryManager
from privet.training.execution import Execution
from privet.training.sampling import FullBatch, ShuffledBatches
from privet.training.schedulers import ExponentialNoise

COUNT, BATCH, CLIP, LR, MOMENTUM = 200, 20, 0.3, 0.1, 0.5


def data(count: int = COUNT) -> TensorDataset:
    x = torch.arange(count * 6.0).sin().view(count, 6)
    return TensorDataset(x, (x[:, 0] > 0).long(), torch.arange(count))


def network(seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2))


def rank() -> int:
    return dist.get_rank()


def people(epsilon: float = 10**18) -> Account | None:
    """Rank 0 alone has an account; so large that next to no noise is paid for."""
    if rank():
        return None
    terms = {"unit": PrivacyUnit("patient"), "relation": Relation.ZERO_OUT, "epsilon": epsilon, "delta": "1e-5"}
    return Ledger.in_memory().create_account("people", **terms)


def private(
    module: nn.Module | None = None, *, dataset: Any = None, examples: int = COUNT, wrapped: Any = None, **settings: Any
) -> Any:
    module = network() if module is None else module
    given = {"noise_multiplier": 1e-7, "max_grad_norm": CLIP, "epochs": 2, "lr": LR, "batch_size": BATCH, **settings}
    lr, batch_size = given.pop("lr"), given.pop("batch_size")
    if "account" not in given:
        given["account"] = people()
    engine = PrivacyEngine()
    made = engine.make_private(
        module=wrapped or module,
        optimizer=torch.optim.SGD(module.parameters(), lr=lr, momentum=MOMENTUM),
        data_loader=DataLoader(dataset or data(examples), batch_size=batch_size),
        **given,
    )
    return engine, *made


def one_epoch(model: Any, optimizer: Any, loader: Any) -> list[list[int]]:
    """Rows that this rank saw, step by step."""
    seen: list[list[int]] = [[]]
    for x, y, rows in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        done = optimizer._steps.done
        optimizer.step()
        seen[-1] += rows.tolist()
        if optimizer._steps.done > done:
            seen.append([])
    return seen[:-1]


def weights(model: Any) -> dict[str, Any]:
    whole = {name: t.full_tensor() if hasattr(t, "full_tensor") else t for name, t in model.state_dict().items()}
    return {name: tensor.detach().clone().numpy() for name, tensor in whole.items()}


def gradients(module: nn.Module) -> Any:
    """All of them in one vector."""
    grads = [parameter.grad for parameter in module.parameters()]
    whole = [grad.full_tensor() if hasattr(grad, "full_tensor") else grad for grad in grads]
    return torch.cat([grad.flatten() for grad in whole]).clone().numpy()


def caught(work: Any) -> tuple[str, str]:
    try:
        work()
    except (PrivetError, RuntimeError) as error:
        return type(error).__name__, str(error)
    return "", ""


# -- one update


def trained(*, pieces: list[int] | None = None, users: int | None = None, **settings: Any) -> dict[str, Any]:
    """An epoch: the rows of each step, and weights before and after it. Ranks begin with different weights."""
    names = None if users is None else [row // users for row in range(COUNT)]
    engine, model, optimizer, loader = private(network(1 + rank()), users=names, **settings)
    before = weights(model)
    if pieces is None:
        rows = one_epoch(model, optimizer, loader)
    else:
        with BatchMemoryManager(
            data_loader=loader, max_physical_batch_size=pieces[rank()], optimizer=optimizer
        ) as some:
            rows = one_epoch(model, optimizer, some)
    return {
        "before": before,
        "after": weights(model),
        "rows": rows,
        "steps": engine.steps,
        "epsilon": engine.get_epsilon(1e-5),
        "clip_norm": optimizer.max_grad_norm,
    }


def adaptive() -> dict[str, Any]:
    return trained(clipping=AdaptiveClipping(CLIP, count_noise=1e-6, quantile=0.3))


def wrapped_in(kind: str) -> dict[str, Any]:
    module = network(1 + rank())
    made = {"opacus": DifferentiallyPrivateDistributedDataParallel, "torch": nn.parallel.DistributedDataParallel}
    outer = made[kind](module)
    spread = weights(module)
    _, model, optimizer, loader = private(module, wrapped=outer)
    rows = one_epoch(model, optimizer, loader)
    return {"before": spread, "after": weights(model), "rows": rows}


def fitted(checkpoint: str, *, sharded: bool = False) -> dict[str, Any]:
    from privet.training.fitting import fit

    module, seen = network(), []
    if sharded:
        shard(module, ["0"])
    made = fit(
        module,
        TensorDataset(*data().tensors[:2]),
        criterion=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(module.parameters(), lr=LR),
        batch_size=BATCH,
        epochs=2,
        max_grad_norm=CLIP,
        epsilon=1.0,
        delta=1e-5,
        checkpoint=checkpoint if rank() == 0 else os.devnull,
        on_progress=seen.append,
    )
    return {"steps": [one.steps for one in seen], "released": made.release is not None, "after": weights(module)}


def alone() -> int:
    """Only one rank trains, by itself."""
    if rank() == 0:
        return 0
    engine, model, optimizer, loader = private(
        noise_multiplier=1.0, epochs=1, account=None, execution=Execution(alone=True)
    )
    rows = one_epoch(model, optimizer, loader)
    engine.release(model)
    return sum(map(len, rows))


# -- noise


def noise(*, steps: int = 6, sharded: str | None = None, **settings: Any) -> dict[str, Any]:
    """Gradients of steps without examples, in units of the stated deviation."""
    module = nn.Sequential(nn.Linear(60, 50), nn.Linear(50, 41))
    if sharded is not None:
        shard(module, ["0"], mesh=sharded)
    engine, _, optimizer, _ = private(
        module, dataset=TensorDataset(torch.zeros(50, 60), torch.zeros(50).long()), batch_size=5, lr=0.0,
        noise_multiplier=3.0, max_grad_norm=0.7, epochs=None, account=None, **settings,
    )  # fmt: skip
    drawn = []
    for _ in range(steps):
        optimizer.zero_grad()
        optimizer.step()
        drawn.append(gradients(module) * 5 / (3.0 * 0.7))
    return {"drawn": drawn, "steps": engine.steps, "epsilon": engine.get_epsilon(1e-5)}


def correlated(path: str, *, sharded: str | None = None) -> dict[str, Any]:
    """Noise that is partly taken back in the next step, and its state as it is saved."""
    module = nn.Sequential(nn.Linear(60, 50), nn.Linear(50, 41))
    if sharded is not None:
        shard(module, ["0"], mesh=sharded)
    settings = {
        "dataset": TensorDataset(torch.zeros(50, 60), torch.zeros(50).long()),
        "sampling": FullBatch(expected_batch_size=50),
        "noise_multiplier": CorrelatedNoise(2.0, BandedToeplitz(steps=8, coefficients=(1.0, 0.5))),
        "account": None,
        "epochs": 8,
        "lr": 0.0,
    }
    engine, model, optimizer, _ = private(module, **settings)
    unit = optimizer.plan.gradient_stddev(0, clip_norm=CLIP) / 50
    drawn = []
    for step in range(4):
        if step == 3:
            engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
        optimizer.zero_grad()
        optimizer.step()
        drawn.append(gradients(module) / unit)
    again, model, optimizer, _ = private(module, **settings)
    again.load_checkpoint(path=path, module=model, optimizer=optimizer)
    optimizer.step()
    return {"drawn": drawn, "resumed": gradients(module) / unit, "steps": again.steps}


# -- one claim


def claims() -> dict[str, Any]:
    account = people()
    engine, model, optimizer, loader = private(account=account, noise_multiplier=2.0, epochs=1)
    begun = None if account is None else [(claim.steps, str(claim.state)) for claim in account.history()]
    one_epoch(model, optimizer, loader)
    end = caught(lambda: one_epoch(model, optimizer, loader))
    released = engine.release(model)
    states = None if account is None else [str(claim.state) for claim in account.history()]
    return {
        "begun": begun,
        "end": end,
        "states": states,
        "epsilon": engine.get_epsilon(1e-5),
        "receipt": None if released is None else released.receipt.epsilon,
    }


def target() -> dict[str, Any]:
    module, engine = network(), PrivacyEngine()
    model, optimizer, loader = engine.make_private_with_epsilon(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=LR),
        data_loader=DataLoader(data(), batch_size=BATCH),
        target_epsilon=1.0,
        target_delta=1e-5,
        epochs=1,
        max_grad_norm=CLIP,
    )
    one_epoch(model, optimizer, loader)
    released = engine.release(model)
    return {
        "sigma": optimizer.noise_multiplier,
        "epsilon": engine.get_epsilon(1e-5),
        "receipt": None if released is None else released.receipt.epsilon,
    }


def without_an_end() -> dict[str, Any]:
    """Several claims one after another, and noise that changes between them."""
    engine, model, optimizer, loader = private(noise_multiplier=2.0, epochs=None, account=None)
    one_epoch(model, optimizer, loader)
    ExponentialNoise(optimizer, gamma=0.5).step()
    one_epoch(model, optimizer, loader)
    one_epoch(model, optimizer, loader)
    return {"steps": engine.steps, "epsilon": engine.get_epsilon(1e-5), "after": weights(model)}


def on_disk(folder: str) -> Account | None:
    if rank():
        return None
    terms = {"unit": PrivacyUnit("patient"), "relation": Relation.ZERO_OUT, "epsilon": 9, "delta": "1e-5"}
    return Ledger.open(f"sqlite:///{folder}/book.db").create_account("people", **terms)


def resumed(path: str, folder: str) -> dict[str, Any]:
    account = on_disk(folder)
    engine, model, optimizer, loader = private(account=account, noise_multiplier=2.0)
    one_epoch(model, optimizer, loader)
    engine.save_checkpoint(path=path, module=model, optimizer=optimizer, checkpoint_dict={"mine": 7})
    saved = weights(model)
    del engine, model, optimizer, loader
    # Only the first rank is told where the file is.
    own = path if rank() == 0 else None
    engine, model, optimizer, loader = private(network(5 + rank()), account=account, noise_multiplier=2.0, resume=own)
    restored = weights(model)
    one_epoch(model, optimizer, loader)
    released = engine.release(model)
    return {
        "saved": saved,
        "restored": restored,
        "steps": engine.steps,
        "states": None if account is None else [str(claim.state) for claim in account.history()],
        "released": None if released is None else sorted(released.value),
        "momentum": float(optimizer.original_optimizer.state_dict()["state"][0]["momentum_buffer"].sum()),
    }


# -- disagreement


def different(what: str) -> dict[str, Any]:
    """One rank is told something else; nothing may be claimed."""
    account, other = people(), rank() == 1
    settings: dict[str, Any] = {"account": account}
    settings |= {
        "noise": {"noise_multiplier": 2.0},
        "clip": {"max_grad_norm": 2.0},
        "sampling": {"sampling": ShuffledBatches(units=COUNT, batch_size=BATCH)},
        "module": {"module": nn.Linear(6, 2)},
        "optimizer": {"lr": 0.2},
        "data": {"dataset": data(210), "sampling": FullBatch(expected_batch_size=20)},
        "users": {"users": list(range(COUNT))},
        "loss": {"loss_reduction": "sum"},
        "refused": {"loss_reduction": "max"},
        "account": {"account": Ledger.in_memory().create_account("x", unit=PrivacyUnit("patient"), epsilon=1, delta=0,
                                                                 relation=Relation.ZERO_OUT)},
    }[what] if other else {}  # fmt: skip
    if what == "data" and not other:
        settings["sampling"] = FullBatch(expected_batch_size=20)
    said = caught(lambda: private(**settings))
    return {"said": said, "history": None if account is None else len(account.history())}


def unpaid() -> dict[str, Any]:
    account = people(epsilon=0.1)
    said = caught(lambda: private(account=account, noise_multiplier=0.7))
    return {"said": said, "history": None if account is None else len(account.history())}


def drifting(what: str) -> dict[str, Any]:
    """One rank changes something on the way; the next step is nobody's."""
    _, model, optimizer, loader = private()
    batches = iter(loader)

    def step() -> None:
        x, y, _ = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    step()
    with torch.no_grad():
        if rank() == 1 and what == "parameter":
            model.wrapped[0].bias[3] += 1e-6
        if rank() == 1 and what == "clip norm":
            optimizer.max_grad_norm = 2.0
        if rank() == 1 and what == "batch":
            next(batches)
        if rank() == 1 and what == "learning rate":
            optimizer.param_groups[0]["lr"] = 0.2
    if what == "learning rate":
        step()
    before = weights(model)
    return {"said": caught(step), "before": before, "after": weights(model)}


def elsewhere() -> tuple[str, str]:
    engine, model, optimizer, loader = private()
    if rank() == 0:
        one_epoch(model, optimizer, loader)
        return caught(lambda: engine.release(model))
    one_epoch(model, optimizer, loader)
    return caught(lambda: one_epoch(model, optimizer, loader))


def dying(path: str, folder: str) -> tuple[str, str]:
    engine, model, optimizer, loader = private(account=on_disk(folder), noise_multiplier=2.0)
    for number, (x, y, _) in enumerate(loader):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if number == 2:
            engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
        if number == 3:
            if rank() == 1:
                os._exit(3)
            return caught(optimizer.step)
        optimizer.step()
    return "", ""


# -- shards


class Marked(nn.Module):
    """A bare parameter at the root, which answers for all below it."""

    def __init__(self) -> None:
        super().__init__()
        self.mark = nn.Parameter(torch.linspace(-1, 1, 6))
        self.body = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
        self.head = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # An evaluation before training must not be what training is differentiated as.
        return self.head(self.body(x + self.mark * (2.0 if self.training else 1.0)))


class Recomputed(nn.Module):
    """A block whose activations are not kept, but computed again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.Tanh())
        self.head = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.utils.checkpoint.checkpoint(self.block, x.requires_grad_(), use_reentrant=False))


class Chained(nn.Module):
    """A chain that runs by a pass of the library's own, below a part that is sharded."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6)), nn.LayerNorm(6))
        self.chain = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.chain(self.block(x) + x)


class Sequences(nn.Module):
    """Takes six numbers as six steps."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.lift, self.layer, self.head = nn.Linear(1, width), layer, nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layer(self.lift(x[:, :, None]))
        return self.head((out[0] if isinstance(out, tuple) else out).mean(1))


class Tokens(nn.Module):
    """An embedding whose weights are also those of the output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.conv = nn.Conv1d(4, 4, 3, padding=1)
        self.out = nn.Linear(4, 7, bias=False)
        self.out.weight = self.table.weight
        self.head = nn.Linear(7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.table((x * 3 + 3).long().clamp(0, 6)).transpose(1, 2)
        return self.head(self.out(self.conv(found).tanh().transpose(1, 2)).mean(1))


def _attention() -> nn.Module:
    return Sequences(nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True), 8)


def _lstm() -> nn.Module:
    return Sequences(nn.LSTM(3, 3, batch_first=True), 3)


def _convolution() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 5, 3), nn.ReLU(inplace=True), nn.Conv1d(5, 3, 2),
                         nn.Flatten(), nn.Linear(9, 2))  # fmt: skip


def _frozen() -> nn.Module:
    module = network()
    module[0].weight.requires_grad_(False)
    return module


# Modules, and which of their parts are sharded by themselves.
SHARDED = {
    "a root alone that is one layer": (lambda: nn.Linear(6, 2), []),
    "a network": (network, []),
    "every layer": (network, ["0", "2"]),
    "convolutions by themselves": (_convolution, ["1", "3"]),
    "a bare parameter above sharded parts": (Marked, ["body", "head"]),
    "a transformer's layer": (_attention, ["layer"]),
    "an LSTM beside others": (_lstm, []),
    "an LSTM by itself": (_lstm, ["layer"]),
    "chains": (Chained, ["block"]),
    "a chain with a sharded link": (Chained, ["chain.0"]),
    "a block that is recomputed": (Recomputed, ["block"]),
    "tied weights": (Tokens, ["conv"]),
    "frozen weights": (_frozen, ["0"]),
}


def made(name: str, seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return SHARDED[name][0]()


def trained_in_shards(name: str, *, mesh: str = "shards", most: int | None = None, **settings: Any) -> dict[str, Any]:
    module = made(name)
    before = weights(module)
    shard(module, SHARDED[name][1], mesh=mesh)
    engine, model, optimizer, loader = private(module, execution=Execution(physical_batch_size=most), **settings)
    with torch.no_grad():
        model.eval()(data().tensors[0][:5])
    model.train()
    with warnings.catch_warnings():
        # A sharded LSTM gives back a view, which PyTorch warns of.
        warnings.filterwarnings("ignore", message=".*returned a view")
        rows = one_epoch(model, optimizer, loader)
    released = engine.release(model)
    return {
        "before": before,
        "after": weights(module),
        "rows": rows,
        "released": None if released is None else released.value,
        "local": sum(getattr(p, "to_local", lambda p=p: p)().numel() for p in module.parameters()),
        "whole": sum(parameter.numel() for parameter in module.parameters()),
    }


class WithLoss(nn.Module):
    """Gives its own loss, as models of Hugging Face do."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(self.net(x), labels)


def own_losses(*, sharded: bool) -> dict[str, Any]:
    module = WithLoss()
    before = weights(module.net)
    if sharded:
        shard(module, ["net.0"])
    _, model, optimizer, loader = private(module, examples=40, batch_size=1, lr=0.05)
    rows = []
    for x, y, numbers in loader:
        optimizer.zero_grad()
        model(x, y).backward()
        optimizer.step()
        rows.append(numbers.tolist())
    return {"before": before, "after": weights(module.net), "rows": rows}


def adaptive_in_shards() -> float:
    module = network()
    shard(module, [])
    _, model, optimizer, loader = private(module, clipping=AdaptiveClipping(CLIP, count_noise=1.0))
    one_epoch(model, optimizer, loader)
    return optimizer.max_grad_norm


def resumed_in_shards(path: str) -> dict[str, Any]:
    """A loop with a memory, saved by two ranks that have shards, for others to go on with."""
    module = network()
    shard(module, ["0"])
    settings = {"noise_multiplier": 1.0, "account": None}
    engine, model, optimizer, loader = private(module, **settings)
    one_epoch(model, optimizer, loader)
    engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
    saved = weights(module)
    one_epoch(model, optimizer, loader)
    engine.load_checkpoint(path=path, module=model, optimizer=optimizer)
    states = optimizer.original_optimizer.state.values()
    return {
        "saved": saved,
        "restored": weights(module),
        "steps": engine.steps,
        "momentum": [state["momentum_buffer"].full_tensor().numpy() for state in states],
    }


def laid_out_otherwise(how: str) -> tuple[str, str]:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import Shard, distribute_tensor

    module = network()
    if how == "by tensor":
        mesh = init_device_mesh("cpu", (2,))
        module[0].weight = nn.Parameter(distribute_tensor(module[0].weight.detach(), mesh, [Shard(0)]))
    if how == "over one rank each":
        grid = init_device_mesh("cpu", (2, 1), mesh_dim_names=("apart", "alone"))
        fully_shard(module, mesh=grid["alone"])
    return caught(lambda: private(module))


def uneven_pieces() -> tuple[str, str]:
    module = network()
    shard(module, [])
    _, model, optimizer, loader = private(module, execution=Execution(physical_batch_size=3 + rank()))
    return caught(lambda: one_epoch(model, optimizer, loader))


def mixing() -> tuple[str, str]:
    class Centred(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x - x.mean(0)

    module = nn.Sequential(nn.Linear(6, 2), Centred())
    shard(module, [])
    return caught(lambda: one_epoch(*private(module)[1:]))


def in_half_precision() -> dict[str, Any]:
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    module = network()
    before = weights(module)
    fully_shard(module[0], mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16))
    fully_shard(module, mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16, output_dtype=torch.float32))
    _, model, optimizer, loader = private(module)
    rows = one_epoch(model, optimizer, loader)
    return {"before": before, "after": weights(module), "rows": rows, "dtype": str(module[0].weight.dtype)}


def shard(module: nn.Module, parts: list[str], *, mesh: str = "shards") -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    given: dict[str, Any] = {}
    if mesh == "copies":
        given["mesh"] = init_device_mesh("cpu", (2, 1), mesh_dim_names=("copies", "shards"))
    if mesh == "kept":
        given["reshard_after_forward"] = False
    if mesh == "one whole":
        given["ignored_params"] = {module[-1].bias, module[0].weight}
    for part in parts:
        fully_shard(module.get_submodule(part), **given)
    fully_shard(module, **given)
