"""Batches in pieces, and units of several examples: the same step, the same price."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from privet.core.errors import InvalidParameter, PermitError  # noqa: E402
from privet.core.neighbours import PrivacyUnit  # noqa: E402
from privet.training.clipping import AdaptiveClipping  # noqa: E402
from privet.training.engine import BatchMemoryManager  # noqa: E402
from privet.training.execution import Execution  # noqa: E402

from ..per_example import reference  # noqa: E402
from .loops import data, epoch, network, people, private  # noqa: E402


def test_pieces_make_one_step_with_one_draw_of_noise() -> None:
    engine, model, optimizer, loader = private(sigma=1e-3, clip=0.1, lr=1.0)
    plain = copy.deepcopy(model.wrapped)
    gathered, pieces = [], 0
    with BatchMemoryManager(data_loader=loader, max_physical_batch_size=7, optimizer=optimizer) as small:
        for x, y in small:
            assert len(x) <= 7
            gathered.append((x, y))
            pieces += 1
            before = copy.deepcopy(model.wrapped.state_dict())
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            done = engine.steps
            optimizer.step()
            if engine.steps == done:
                for name, tensor in model.wrapped.state_dict().items():
                    assert torch.equal(tensor, before[name])
                continue
            x, y = torch.cat([x for x, _ in gathered]), torch.cat([y for _, y in gathered])
            plain.load_state_dict(before)
            wanted, _ = reference.clipped_sum(plain, x, y, clip_norm=0.1)
            for name, tensor in model.wrapped.state_dict().items():
                torch.testing.assert_close(before[name] - tensor, wanted[name] / 40, rtol=1e-3, atol=2e-5)
            gathered = []
    assert engine.steps == 10
    assert pieces > 30
    assert max(len(x) for x, _ in loader) > 7


def test_a_batch_left_in_the_middle_belongs_to_no_step() -> None:
    """Its pieces must not be added to the next batch, whose noise would be too small for both."""
    engine, model, optimizer, loader = private(
        sigma=1e-4, clip=0.1, lr=1.0, clipping=AdaptiveClipping(0.1, count_noise=1.0), sampling=None
    )
    with BatchMemoryManager(data_loader=loader, max_physical_batch_size=5, optimizer=optimizer) as small:
        x, y = next(iter(small))
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        assert engine.steps == 0
        assert optimizer.clipper.state_dict()["count"] != 0
    for x, y in loader:
        before = copy.deepcopy(model.wrapped.state_dict())
        wanted, _ = reference.clipped_sum(copy.deepcopy(model.wrapped), x, y, clip_norm=0.1)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for name, tensor in model.wrapped.state_dict().items():
            torch.testing.assert_close(before[name] - tensor, wanted[name] / 40, rtol=1e-3, atol=2e-5)
        break


def test_a_clip_norm_that_changes_in_the_middle_waits_for_the_next_batch() -> None:
    _, model, optimizer, loader = private(sigma=1.0, clip=8.0)
    with BatchMemoryManager(data_loader=loader, max_physical_batch_size=10, optimizer=optimizer) as small:
        pieces = iter(small)
        x, y = next(pieces)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.max_grad_norm = 0.01
        assert optimizer.clipper.clip_norm == 8.0
        while optimizer._steps.done == 0:
            x, y = next(pieces)
            assert optimizer.clipper.clip_norm == 8.0
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        F.cross_entropy(model((batch := next(pieces))[0]), batch[1]).backward()
        optimizer.step()
        assert optimizer.clipper.clip_norm == 0.01


def test_physical_batches_as_a_knob_of_execution() -> None:
    _, _model, _optimizer, loader = private(execution=Execution(physical_batch_size=6, memory=0))
    assert all(len(x) <= 6 for x, _ in loader)


def test_workers_fetch_ahead_and_pieces_keep_their_order() -> None:
    module = network()
    dataset = data(60)
    from privet.training.engine import PrivacyEngine

    engine = PrivacyEngine()
    model, optimizer, loader = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(dataset, batch_size=6, num_workers=2),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        users=[i // 3 for i in range(60)],
    )
    epoch(model, optimizer, loader)
    assert engine.steps == len(loader)


def test_users_are_sampled_and_clipped_whole() -> None:
    names = np.array(["ann", "bob", "cy", "dee"])[np.arange(400) % 4].tolist()
    names = [f"{name}{i // 40}" for i, name in enumerate(names)]
    dataset = TensorDataset(*data().tensors, torch.arange(400))
    _engine, model, optimizer, loader = private(
        dataset=dataset, users=names, batch_size=8, sigma=1e-4, clip=0.05, lr=1.0
    )
    assert float(optimizer.plan.sampling.rate) == 8 / 40
    for x, y, rows in loader:
        before, plain = copy.deepcopy(model.wrapped.state_dict()), copy.deepcopy(model.wrapped)
        owners = [names[row] for row in rows.tolist()]
        for owner in set(owners):
            assert owners.count(owner) == names.count(owner)
        wanted = {name: torch.zeros_like(tensor) for name, tensor in before.items()}
        for owner in set(owners):
            own = torch.tensor([name == owner for name in owners])
            plain.zero_grad()
            F.cross_entropy(plain(x[own]), y[own]).backward()
            grads = {name: p.grad for name, p in plain.named_parameters()}
            size = float(torch.stack([grad.norm() for grad in grads.values()]).norm())
            for name, grad in grads.items():
                wanted[name] += grad * min(1.0, 0.05 / size)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for name, tensor in model.wrapped.state_dict().items():
            torch.testing.assert_close(before[name] - tensor, wanted[name] / 8, rtol=1e-3, atol=2e-5)


def test_pieces_never_divide_a_user() -> None:
    names = [i // 5 for i in range(100)]
    dataset = TensorDataset(*data(100).tensors, torch.arange(100))
    _, _, optimizer, loader = private(dataset=dataset, users=names, batch_size=10)
    with BatchMemoryManager(data_loader=loader, max_physical_batch_size=12, optimizer=optimizer) as small:
        for _, _, rows in small:
            assert len(rows) in (0, 5, 10)
            assert all(
                rows[i : i + 5].tolist() == list(range(int(rows[i]), int(rows[i]) + 5)) for i in range(0, len(rows), 5)
            )


def test_an_account_of_people_with_several_rows_needs_users() -> None:
    terms = {"unit": PrivacyUnit("patient", column="id", max_rows=5)}
    engine, model, optimizer, loader = private(
        users=[i // 4 for i in range(400)], batch_size=10, account=people(**terms), epochs=1, sigma=2.0
    )
    epoch(model, optimizer, loader)
    assert engine.release(model).receipt.unit.startswith("patient")
    with pytest.raises(InvalidParameter, match="users must name"):
        private(users=[1, 2])


def test_only_private_loaders_and_optimizers_are_managed() -> None:
    _, _model, optimizer, loader = private()
    with pytest.raises(InvalidParameter, match="make_private"):
        BatchMemoryManager(data_loader=DataLoader(data()), max_physical_batch_size=3, optimizer=optimizer)
    with pytest.raises(InvalidParameter, match="at least 1"):
        BatchMemoryManager(data_loader=loader, max_physical_batch_size=0, optimizer=optimizer)


def test_the_plan_ends_as_before() -> None:
    _, model, optimizer, loader = private(epochs=1)
    with BatchMemoryManager(data_loader=loader, max_physical_batch_size=16, optimizer=optimizer) as small:
        epoch(model, optimizer, small)
        with pytest.raises(PermitError, match="all 10 steps"):
            epoch(model, optimizer, small)
