"""A small data set, a small network and a private loop over them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import Account, Ledger
from privet.training.engine import PrivacyEngine


def data(count: int = 400, seed: int = 1) -> TensorDataset:
    torch.manual_seed(seed)
    x = torch.randn(count, 8)
    return TensorDataset(x, (x[:, 0] + 0.5 * x[:, 1] > 0).long())


def network() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 2))


def private(
    *,
    dataset=None,
    module=None,
    batch_size: int = 40,
    sigma: Any = 1.0,
    clip: Any = 1.0,
    lr=0.5,
    engine=None,
    **settings,
):
    dataset, module = dataset or data(), module or network()
    engine = engine or PrivacyEngine()
    made = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=lr),
        data_loader=DataLoader(dataset, batch_size=batch_size),
        noise_multiplier=sigma,
        max_grad_norm=clip,
        **settings,
    )
    return engine, *made


def epoch(model, optimizer, loader) -> None:
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def people(**terms) -> Account:
    given = {"unit": PrivacyUnit("patient"), "relation": Relation.ZERO_OUT, "epsilon": 5, "delta": "1e-5", **terms}
    return Ledger.in_memory().create_account("people", **given)
