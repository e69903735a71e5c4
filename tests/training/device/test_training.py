"""Private training on a GPU: the host's updates, its own noise, and everything else as it was."""

from __future__ import annotations

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from privet.training import PrivacyEngine  # noqa: E402
from privet.training.correlated.banded import BandedToeplitz  # noqa: E402
from privet.training.correlated.law import CorrelatedNoise  # noqa: E402
from privet.training.engine import BatchMemoryManager  # noqa: E402
from privet.training.execution import Execution  # noqa: E402
from privet.training.fitting import fit  # noqa: E402
from privet.training.per_example.full_precision import full_precision  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402
from privet.training.sampling import FullBatch, ShuffledBatches  # noqa: E402

# "cpu" runs these tests themselves where there is no GPU.
DEVICE = os.environ.get("PRIVET_TEST_DEVICE", "cuda")
pytestmark = pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="no CUDA device here")
COUNT = 120


def data(count: int = COUNT) -> TensorDataset:
    """On the host, as data sets are."""
    with torch.device("cpu"):
        x = torch.arange(count * 64.0).sin().view(count, 1, 8, 8)
        return TensorDataset(x, (x.flatten(1)[:, 0] > 0).long())


def network() -> nn.Module:
    with torch.device("cpu"):
        torch.manual_seed(1)
        first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(2))
        return nn.Sequential(first, nn.LSTM(64, 8, batch_first=True), Last(), nn.Linear(8, 2))


def transformer() -> nn.Module:
    with torch.device("cpu"):
        torch.manual_seed(2)
        layer = nn.TransformerEncoderLayer(6, 2, 24, dropout=0.0, batch_first=True)
        return nn.Sequential(nn.Linear(6, 6), nn.GELU(), layer, nn.Flatten(), nn.Linear(48, 2))


class Last(nn.Module):
    def forward(self, found):
        return found[0][:, -1]


def trained(device: str, *, steps: int = 4, dataset=None, module=None, autocast=None, pieces=None, **settings):
    """The parameters after some steps on all examples; by default noise is next to none."""
    module = network().to(device) if module is None else module
    given = {"noise_multiplier": 1e-4, "max_grad_norm": 0.3, "sampling": FullBatch(COUNT), "epochs": steps, **settings}
    engine = PrivacyEngine()
    model, optimizer, loader = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.5),
        data_loader=DataLoader(dataset or data(), batch_size=COUNT, **(pieces or {})),
        **given,
    )
    for _ in range(steps):
        for x, y in loader:
            optimizer.zero_grad()
            with torch.autocast(device, dtype=autocast or torch.bfloat16, enabled=autocast is not None):
                loss = F.cross_entropy(model(x.to(device)), y.to(device))
            loss.backward()
            optimizer.step()
    return {name: value.detach().cpu() for name, value in module.named_parameters()}


def same(found, wanted, *, within: float) -> None:
    before = dict(network().named_parameters())
    for name, value in wanted.items():
        moved = float((value - before[name].detach()).norm())
        assert float((found[name] - value).norm()) < within * max(moved, 1e-3), name
        assert found[name].isfinite().all()


@pytest.fixture(autouse=True)
def _exact(monkeypatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


USERS = [number % 17 for number in range(COUNT)]
WAYS = {
    "flat": {},
    "lean": {"execution": Execution(memory=0)},
    "per layer": {"clipping": "per_layer"},
    "automatic": {"clipping": "automatic"},
    "users": {"users": USERS, "sampling": FullBatch(17)},
    "users, per layer": {"users": USERS, "sampling": FullBatch(17), "clipping": "per_layer"},
    "workers and pinned memory": {"pieces": {"num_workers": 1, "pin_memory": DEVICE == "cuda"}},
}


@pytest.mark.parametrize("way", WAYS)
def test_updates_are_those_of_the_host(way: str) -> None:
    settings = WAYS[way]
    same(trained(DEVICE, **settings), trained("cpu", **settings), within=1e-3)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near(kind) -> None:
    # Half precision has too few digits for gradients of means over a batch; they are taken of sums.
    same(trained(DEVICE, autocast=kind), trained("cpu"), within=0.2)


@pytest.mark.parametrize("memory", [None, 0])
@pytest.mark.parametrize("kind", [None, torch.bfloat16, torch.float16])
def test_no_example_moves_the_sum_by_more_than_the_clip_norm(kind, memory, monkeypatch) -> None:
    """Also where convolutions are made with ten bits, as they are unless somebody says otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    torch.manual_seed(3)
    for net, shape in ((network(), (1, 8, 8)), (transformer(), (8, 6))):
        watch = Watch(net.to(DEVICE), memory=memory)
        for size in (0.1, 1.0, 30.0):
            x = size * torch.randn(1, *shape, device=DEVICE)
            with torch.autocast(DEVICE, dtype=kind, enabled=kind is not None):
                loss = F.cross_entropy(watch(x).float(), torch.ones(1, dtype=torch.int64, device=DEVICE))
            loss.backward()
            with full_precision(x.device):
                sums = watch.clipped_sum(clip_norm=1e-3).sums
            norm = torch.stack([total.double().norm() for total in sums.values()]).norm()
            assert float(norm) <= 1e-3 * (1 + 1e-6)
            assert float(norm) > 0.9e-3


def test_clipping_that_learns_and_noise_that_remembers_run() -> None:
    learned = trained(DEVICE, clipping="adaptive", noise_multiplier=1.0)
    noise = CorrelatedNoise(0.5, BandedToeplitz(8, (1.0, 0.5, 0.25)))
    in_order = ShuffledBatches(units=COUNT, batch_size=COUNT // 4, same_order=True)
    remembered = trained(DEVICE, steps=2, noise_multiplier=noise, sampling=in_order)
    for found in (learned, remembered):
        assert all(value.isfinite().all() for value in found.values())


@pytest.mark.statistical
def test_noise_of_a_step_has_the_plan_s_deviation_and_ten_percent_off_would_show() -> None:
    from scipy import stats

    module = nn.Linear(200, 200).to(DEVICE)
    dataset = TensorDataset(torch.zeros(COUNT, 200, device="cpu"), torch.zeros(COUNT, dtype=torch.int64, device="cpu"))
    before = {name: value.detach().cpu().clone() for name, value in module.named_parameters()}
    after = trained(DEVICE, steps=1, dataset=dataset, module=module, noise_multiplier=3.0, max_grad_norm=0.5)
    # Inputs of zero give the weights no gradient of their own.
    moved = (after["weight"] - before["weight"]).flatten().double().numpy() / 0.5
    deviation = 3.0 * 0.5 / COUNT
    assert stats.kstest(moved / deviation, "norm").pvalue > 1e-6
    for off in (0.9, 1.1):
        assert stats.kstest(moved / (off * deviation), "norm").pvalue < 1e-9


def test_a_batch_in_pieces_is_the_batch() -> None:
    module = network().to(DEVICE)
    engine = PrivacyEngine()
    model, optimizer, loader = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.5),
        data_loader=DataLoader(data(), batch_size=COUNT),
        noise_multiplier=1e-4,
        max_grad_norm=0.3,
        sampling=FullBatch(COUNT),
        epochs=2,
    )
    with BatchMemoryManager(data_loader=loader, max_physical_batch_size=50, optimizer=optimizer) as pieces:
        for _ in range(2):
            for x, y in pieces:
                optimizer.zero_grad()
                F.cross_entropy(model(x.to(DEVICE)), y.to(DEVICE)).backward()
                optimizer.step()
    same(
        {name: value.detach().cpu() for name, value in module.named_parameters()}, trained("cpu", steps=2), within=1e-3
    )


@pytest.mark.parametrize("autocast", [None, "bfloat16"])
@pytest.mark.parametrize("chain", [False, True])
def test_fit_trains_there_from_data_on_the_host(autocast, chain) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2)) if chain else network()
    made = fit(
        module.cpu(), data(600), criterion=nn.CrossEntropyLoss(), epsilon=8.0, epochs=3, batch_size=60,
        execution=Execution(device=DEVICE, autocast=autocast),
    )  # fmt: skip
    assert {value.device.type for value in made.module.state_dict().values()} == {DEVICE}
    assert all(np.isfinite(value).all() for value in made.release.value.values())
    assert made.release.receipt.epsilon <= 8.0


def test_fit_finds_the_device_by_itself_where_it_is_asked_to() -> None:
    for wanted, expected in (("auto", "cuda" if torch.cuda.is_available() else "cpu"), (None, "cpu")):
        made = fit(
            network(), data(600), criterion=nn.CrossEntropyLoss(), epsilon=8.0, epochs=1, batch_size=60,
            execution=Execution(device=wanted),
        )  # fmt: skip
        assert next(made.module.parameters()).device.type == expected


def test_a_checkpoint_goes_from_one_device_to_the_other(tmp_path) -> None:
    for there, here in ((DEVICE, "cpu"), ("cpu", DEVICE)):
        path, states = tmp_path / f"{there}-{here}", []
        for device in (there, here):
            module, engine = network().to(device), PrivacyEngine()
            model, optimizer, loader = engine.make_private(
                module=module, optimizer=torch.optim.Adam(module.parameters()), noise_multiplier=1.0,
                data_loader=DataLoader(data(), batch_size=30), max_grad_norm=1.0, epochs=2,
                resume=path if states else None,
            )  # fmt: skip
            for x, y in loader:
                optimizer.zero_grad()
                F.cross_entropy(model(x.to(device)), y.to(device)).backward()
                optimizer.step()
            if not states:
                engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
            states.append(engine.steps)
        assert states == [4, 8]


@pytest.mark.skipif(DEVICE == "cpu", reason="its processes are tested on the host elsewhere")
@pytest.mark.parametrize("sharded", [False, True])
def test_a_process_group_of_nccl_steps_as_one_process(sharded, tmp_path) -> None:
    from torch.distributed.fsdp import fully_shard

    dist.init_process_group("nccl", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        module = network().to(DEVICE)
        if sharded:
            fully_shard(module)
        found = trained(DEVICE, module=module)
    finally:
        dist.destroy_process_group()
    found = {name: value.full_tensor() if hasattr(value, "full_tensor") else value for name, value in found.items()}
    same(found, trained("cpu"), within=1e-3)
