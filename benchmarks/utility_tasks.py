"""What the accuracy benchmark trains: real data, small models, settings from published recipes."""

from __future__ import annotations

import functools
import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from privet.core.bounds import Bounds, Categories, Interval
from privet.training.features import Encoder
from privet.training.fixed_features import computed_once
from privet.training.whitening import picture_features

DATA = Path(os.environ.get("PRIVET_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Split:
    """Private examples to train on, and public ones to measure with. Shapes: (n, ...), (n,)."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor

    @property
    def train(self) -> Dataset[Any]:
        return TensorDataset(self.x, self.y)


@dataclass(frozen=True)
class Task:
    """One row of the table. ``tuned`` gives ``fit``'s settings beside budget, epochs and criterion."""

    name: str
    data: Callable[[], Split]
    model: Callable[[int], nn.Module]
    epsilon: float
    epochs: int
    tuned: Callable[[nn.Module], dict[str, Any]]
    published: str
    metric: str = "accuracy"
    # It bounds the memory of a step and changes nothing else.
    physical_batch_size: int = 1024


def pictures(name: str) -> Split:
    """Pixels in [0, 1]. Shapes: (n, 1, 28, 28)."""
    parts: list[Tensor] = []
    for part in ("train", "t10k"):
        x = _idx(DATA / name / f"{part}-images-idx3-ubyte.gz")
        y = _idx(DATA / name / f"{part}-labels-idx1-ubyte.gz")
        parts += [torch.from_numpy(x).float()[:, None] / 255, torch.from_numpy(y).long()]
    return Split(*parts)


def _idx(path: Path) -> np.ndarray:
    raw = gzip.decompress(path.read_bytes())
    axes = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(axes)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()


@functools.lru_cache(maxsize=1)
def scattered(name: str) -> Split:
    """Scattering features, normalised and whitened by synthetic pictures, computed once. Shapes: (n, 81, 7, 7)."""
    split = pictures(name)
    fixed = picture_features()
    return Split(computed_once(fixed, split.x), split.y, computed_once(fixed, split.test_x), split.test_y)


# Census facts: ages are top-coded at 90, hours at 99, capital gains at 99,999; the codes are the Census Bureau's.
ADULT_NUMBERS: dict[str, Bounds] = {
    "age": Interval(17, 90),
    "education_num": Interval(1, 16),
    "capital_gain": Interval(0, 99_999),
    "capital_loss": Interval(0, 5_000),
    "hours_per_week": Interval(1, 99),
}
ADULT_CATEGORIES: dict[str, Bounds] = {
    "workclass": Categories(("Federal-gov", "Local-gov", "Never-worked", "Private", "Self-emp-inc", "Self-emp-not-inc",
                             "State-gov", "Without-pay")),
    "marital_status": Categories(("Divorced", "Married-AF-spouse", "Married-civ-spouse", "Married-spouse-absent",
                                  "Never-married", "Separated", "Widowed")),
    "occupation": Categories(("Adm-clerical", "Armed-Forces", "Craft-repair", "Exec-managerial", "Farming-fishing",
                              "Handlers-cleaners", "Machine-op-inspct", "Other-service", "Priv-house-serv",
                              "Prof-specialty", "Protective-serv", "Sales", "Tech-support", "Transport-moving")),
    "relationship": Categories(("Husband", "Not-in-family", "Other-relative", "Own-child", "Unmarried", "Wife")),
    "race": Categories(("Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White")),
    "sex": Categories(("Female", "Male")),
    "native_country": Categories(("United-States", "Mexico")),
}  # fmt: skip
ADULT = {
    **ADULT_NUMBERS,
    "log_capital_gain": Interval(0, float(np.log1p(99_999))),
    "log_capital_loss": Interval(0, float(np.log1p(5_000))),
    **ADULT_CATEGORIES,
}


@functools.lru_cache(maxsize=1)
def adult() -> Split:
    """Encoded rows, numbers in [-1, 1] and one-hot categories; the published split. Shapes: (n, columns)."""
    import pandas

    table = pandas.read_parquet(DATA / "adult" / "adult.parquet")
    for name in ("capital_gain", "capital_loss"):
        table[f"log_{name}"] = np.log1p(table[name])
    encoder = Encoder(ADULT)
    rows = encoder.encode({name: table[name].to_numpy() for name in ADULT}) * np.sqrt(len(ADULT) + 1)
    x, y = torch.from_numpy(rows).float(), torch.tensor((table["income"] == ">50K").to_numpy(), dtype=torch.long)
    test = torch.tensor((table["split"] == "test").to_numpy())
    return Split(x[~test], y[~test], x[test], y[test])


def linear(seed: int) -> nn.Module:
    """A linear model that begins at zero, as a convex problem may; so its runs differ by noise alone."""
    model = nn.Linear(81 * 49, 10)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    return nn.Sequential(nn.Flatten(), model)


def network(seed: int) -> nn.Module:
    """Opacus' MNIST net on normalised pictures, with bounded activations (Papernot, Thakurta, Song et al. 2021)."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.GroupNorm(1, 1, affine=False), nn.Conv2d(1, 16, 8, stride=2, padding=3), nn.Tanh(), nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, stride=2), nn.Tanh(), nn.MaxPool2d(2, 1),
        nn.Flatten(), nn.Linear(32 * 16, 32), nn.Tanh(), nn.Linear(32, 10),
    )  # fmt: skip


def mlp(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(len(Encoder(ADULT).names), 64), nn.Tanh(), nn.Linear(64, 2))


@torch.no_grad()
def score(module: nn.Module, split: Split, *, metric: str) -> float:
    """Accuracy or area under the ROC curve on the public test set."""
    outputs = torch.cat([module(x) for x in split.test_x.split(1000)])
    if metric == "AUROC":
        return float(roc_auc_score(split.test_y.numpy(), (outputs[:, 1] - outputs[:, 0]).numpy()))
    return float((outputs.argmax(1) == split.test_y).float().mean())


def descent(
    *, rate: float, epochs: int, batch_size: int, max_grad_norm: float | None = None
) -> Callable[[nn.Module], dict[str, Any]]:
    """Momentum and half a cosine; gradients are normalised unless a clip norm is given."""

    def settings(module: nn.Module) -> dict[str, Any]:
        optimizer = torch.optim.SGD(module.parameters(), lr=rate, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
        given = {} if max_grad_norm is None else {"max_grad_norm": max_grad_norm}
        return {"optimizer": optimizer, "scheduler": scheduler, "batch_size": batch_size, **given}

    return settings


TRAMER = "Tramer & Boneh 2021"
# Flat clipping at a small norm, as Tramer & Boneh do: examples that are right already weigh little.
LINEAR = descent(rate=4.0, epochs=40, batch_size=3750, max_grad_norm=0.12)
TASKS = [
    Task("MNIST, linear on fixed features", lambda: scattered("mnist"), linear, 3.0, 40, LINEAR,
         f"98.7 % at 2.93, {TRAMER}"),
    Task("Fashion-MNIST, linear on fixed features", lambda: scattered("fashion_mnist"), linear, 3.0, 40, LINEAR,
         f"89.7 % at 2.7, {TRAMER}"),
    Task("Adult, MLP, epsilon 1", adult, mlp, 1.0, 20, descent(rate=1.0, epochs=20, batch_size=4070),
         "0.88 at 1, DP-EBM, Nori et al. 2021", "AUROC"),
    Task("Adult, MLP, epsilon 3", adult, mlp, 3.0, 20, descent(rate=2.0, epochs=20, batch_size=2035),
         "0.885 at 4, DP-EBM, Nori et al. 2021", "AUROC"),
    Task("MNIST, CNN on pixels", lambda: pictures("mnist"), network, 3.0, 30,
         descent(rate=1.0, epochs=30, batch_size=3750), "98.1 % at 2.93, Papernot et al. 2021"),
]  # fmt: skip
