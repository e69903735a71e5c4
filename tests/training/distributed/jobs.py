"""What both ranks run; each function gives back plain values."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import Account, Ledger
from privet.training import PrivacyEngine


def data(count: int = 200) -> TensorDataset:
    x = torch.arange(count * 6.0).sin().view(count, 6)
    return TensorDataset(x, (x[:, 0] > 0).long(), torch.arange(count))


def rich() -> Account | None:
    if dist.get_rank():
        return None
    terms = {"unit": PrivacyUnit("patient"), "relation": Relation.ZERO_OUT, "epsilon": 10**18, "delta": "1e-5"}
    return Ledger.in_memory().create_account("people", **terms)


def network(seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2))


def private(module: nn.Module | None = None, *, lr: float = 0.5, batch_size: int = 20, engine=None, **settings: Any):
    module = network() if module is None else module
    engine = engine or PrivacyEngine()
    # Rank 0 alone has an account, so large that next to no noise is paid for.
    given = {"noise_multiplier": 1e-7, "max_grad_norm": 1.0, "epochs": 2, "account": rich(), **settings}
    made = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=lr, momentum=0.5),
        data_loader=DataLoader(data(), batch_size=batch_size),
        **given,
    )
    return engine, *made


def one_epoch(model, optimizer, loader) -> list[list[int]]:
    seen = []
    for x, y, rows in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        seen.append(rows.tolist())
    return seen


def weights(model) -> dict[str, Any]:
    return {name: tensor.detach().clone().numpy() for name, tensor in model.state_dict().items()}


def trained(*, seed: int = 1, **settings: Any) -> dict[str, Any]:
    """An epoch: the rows of each step, and weights before and after it."""
    engine, model, optimizer, loader = private(network(seed + dist.get_rank()), **settings)
    before = weights(model)
    rows = one_epoch(model, optimizer, loader)
    return {"before": before, "after": weights(model), "rows": rows, "steps": engine.steps, "epsilon": engine.get_epsilon(1e-5)}
