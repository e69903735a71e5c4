"""The engine keeps its plan: what is sampled, clipped, drawn and divided by is what is accounted."""

from __future__ import annotations

import copy
import math
from collections import UserDict
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from scipy import stats  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset  # noqa: E402

from privet.accounting.price import price  # noqa: E402
from privet.core.errors import BudgetRefused, InvalidParameter, PermitError  # noqa: E402
from privet.core.events import Gaussian, PoissonSampled, Repeated  # noqa: E402
from privet.core.neighbours import PrivacyUnit, Relation  # noqa: E402
from privet.noise.sampling import poisson_batches  # noqa: E402
from privet.training.engine import PrivacyEngine  # noqa: E402

from ..per_example import reference  # noqa: E402
from .loops import data, epoch, network, people, private  # noqa: E402


def test_a_loop_of_the_users_own_learns_and_is_accounted() -> None:
    engine, model, optimizer, loader = private(dataset=data(2000), batch_size=100)
    for _ in range(5):
        epoch(model, optimizer, loader)
    held = data(1000, seed=9).tensors
    assert (model.eval()(held[0]).argmax(1) == held[1]).float().mean() > 0.85
    assert engine.steps == 100
    event = Repeated(PoissonSampled(Fraction(1, 20), Gaussian(1)), 100)
    expected = price(event, relation=Relation.ZERO_OUT, delta=1e-5).point
    assert engine.get_epsilon(1e-5) == float(expected.epsilon)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_step_is_the_clipped_sum_over_the_expected_batch_size(reduction: str) -> None:
    """With next to no noise the update is the reference's, divided by the public 40, whatever the true size is."""
    _, model, optimizer, loader = private(sigma=1e-3, clip=0.1, lr=1.0, loss_reduction=reduction)
    sizes = set()
    for x, y in loader:
        before, plain = copy.deepcopy(model.wrapped.state_dict()), copy.deepcopy(model.wrapped)
        wanted, _ = reference.clipped_sum(plain, x, y, clip_norm=0.1)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y, reduction=reduction).backward()
        optimizer.step()
        sizes.add(len(x))
        for name, now in model.wrapped.state_dict().items():
            torch.testing.assert_close(before[name] - now, wanted[name] / 40, rtol=1e-3, atol=2e-5)
    assert len(sizes) > 1


def test_noise_has_the_stated_deviation_in_every_tensor_and_no_memory() -> None:
    """Empty batches step on noise alone: its law by tensor, correlation between tensors and from step to step."""
    module = nn.Sequential(nn.Linear(60, 50), nn.Linear(50, 40))
    _, _, optimizer, _ = private(
        dataset=TensorDataset(torch.randn(50, 60), torch.zeros(50).long()),
        module=module,
        batch_size=5,
        sigma=3.0,
        clip=0.7,
        lr=0,
    )
    drawn: dict[str, list[np.ndarray]] = {}
    for _ in range(8):
        optimizer.zero_grad()
        optimizer.step()
        for name, parameter in module.named_parameters():
            drawn.setdefault(name, []).append(parameter.grad.numpy().ravel() * 5 / (3.0 * 0.7))
    for name, steps in drawn.items():
        values = np.concatenate(steps)
        assert stats.kstest(values, "norm").pvalue > 1e-6, name
        if len(values) > 5000:
            for wrong in (0.9, 1.1):
                assert stats.kstest(values / wrong, "norm").pvalue < 1e-6
        assert abs(np.corrcoef(steps[0], steps[1])[0, 1]) < 6 / math.sqrt(len(steps[0]))
    one, other = np.concatenate(drawn["0.weight"])[:16_000], np.concatenate(drawn["1.weight"])[:16_000]
    assert abs(np.corrcoef(one, other)[0, 1]) < 6 / math.sqrt(16_000)


def test_batches_are_independent_choices_at_the_stated_rate() -> None:
    batches = poisson_batches(bytes(range(32)), count=500, rate=Fraction(3, 100))
    chosen = np.zeros((4000, 500), dtype=bool)
    for row in chosen:
        row[next(batches)] = True
    # Sizes are binomial: their mean and variance, and each unit's share.
    assert stats.binomtest(int(chosen.sum()), chosen.size, 0.03).pvalue > 1e-6
    assert stats.binomtest(int(chosen.sum()), chosen.size, 0.033).pvalue < 1e-6
    assert np.var(chosen.sum(1)) == pytest.approx(500 * 0.03 * 0.97, rel=0.12)
    shares = chosen.sum(0)
    assert stats.chisquare(shares).pvalue > 1e-6
    # Neither neighbours nor steps know of each other.
    for a, b in ((chosen[:, :-1], chosen[:, 1:]), (chosen[:-1], chosen[1:])):
        both = int((a & b).sum())
        assert stats.binomtest(both, a.size, 0.03**2).pvalue > 1e-6


def test_sampling_everybody_and_refusing_nonsense() -> None:
    assert next(poisson_batches(bytes(32), count=5, rate=Fraction(1))).tolist() == [0, 1, 2, 3, 4]
    assert len(next(poisson_batches(bytes(32), count=0, rate=Fraction(1, 2)))) == 0
    with pytest.raises(InvalidParameter):
        next(poisson_batches(bytes(32), count=5, rate=Fraction(0)))


def test_the_loader_gives_poisson_batches_and_empty_ones_have_shapes() -> None:
    _, _, _, loader = private(dataset=data(30), batch_size=1)
    sizes, shapes = [], set()
    for _ in range(5):
        for x, y in loader:
            sizes.append(len(x))
            shapes.add((x.shape[1:], x.dtype, y.dtype))
    assert {0, 1} <= set(sizes)
    assert len(shapes) == 1
    assert len(loader) == 30


class Encoding(UserDict):
    """What tokenizers give: a mapping, and no dictionary."""


def test_batches_may_be_mappings_of_a_class_of_their_own() -> None:
    def collate(examples) -> Encoding:
        return Encoding(x=torch.stack([x for x, _ in examples]), y=torch.tensor([int(y) for _, y in examples]))

    module = network()
    model, optimizer, loader = PrivacyEngine().make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(data(30), batch_size=1, collate_fn=collate),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    sizes = set()
    for _ in range(4):
        for batch in loader:
            assert type(batch) is Encoding
            optimizer.zero_grad()
            F.cross_entropy(model(batch["x"]), batch["y"], reduction="sum").backward()
            optimizer.step()
            sizes.add(len(batch["x"]))
    assert {0, 1} <= sizes


def test_an_account_pays_for_the_whole_plan_before_the_first_batch() -> None:
    account = people()
    engine, model, optimizer, loader = private(sigma=2.0, epochs=2, account=account)
    (claim,) = account.history()
    assert (claim.steps, str(claim.state)) == (20, "reserved")
    epoch(model, optimizer, loader)
    epoch(model, optimizer, loader)
    with pytest.raises(PermitError, match="all 20 steps"):
        epoch(model, optimizer, loader)
    released = engine.release(model)
    assert released.receipt.unit.startswith("patient")
    assert set(released.value) == set(model.state_dict())
    assert str(account.history()[0].state) == "committed"


def test_a_loop_that_ends_early_is_charged_for_the_steps_that_ran() -> None:
    account = people()
    engine, model, optimizer, loader = private(sigma=2.0, epochs=10, account=account)
    epoch(model, optimizer, loader)
    full = account.spent().epsilon
    engine.release(model)
    assert account.spent().epsilon < full
    with pytest.raises(PermitError):
        epoch(model, optimizer, loader)


def test_what_does_not_fit_is_refused_before_anything_is_made() -> None:
    account = people(epsilon=0.5)
    with pytest.raises(BudgetRefused):
        private(sigma=0.7, epochs=5, account=account)
    assert account.history() == []


def test_the_least_noise_for_a_target() -> None:
    module, engine = network(), PrivacyEngine()
    model, optimizer, loader = engine.make_private_with_epsilon(
        module=module,
        optimizer=torch.optim.Adam(module.parameters()),
        data_loader=DataLoader(data(), batch_size=40),
        target_epsilon=2.0,
        target_delta=1e-5,
        epochs=3,
        max_grad_norm=1.0,
    )
    for _ in range(3):
        epoch(model, optimizer, loader)
    assert 1.99 < engine.get_epsilon(1e-5) <= 2.0


def test_a_public_number_of_units_keeps_the_true_one_private() -> None:
    """Rate, epoch and divisor follow the public 500, not the 400 examples there are."""
    _, _, optimizer, loader = private(expected_units=500)
    assert optimizer.plan.relation is Relation.ADD_OR_REMOVE
    assert optimizer.plan.sampling.rate == Fraction(40, 500)
    assert len(loader) == 13


def test_schedulers_and_state_work_as_with_the_plain_optimizer() -> None:
    _, model, optimizer, loader = private()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    epoch(model, optimizer, loader)
    scheduler.step()
    assert optimizer.original_optimizer.param_groups[0]["lr"] == pytest.approx(0.05)
    fresh = network()
    fresh.load_state_dict(model.state_dict())
    assert len(model.eval().wrapped[0].weight) == 16


def test_an_embedding_of_one_token_an_example_takes_an_empty_batch() -> None:
    """After a batch was recorded an empty one is too: it must not stop training, which would tell of it."""
    module = nn.Embedding(30, 2)
    dataset = TensorDataset(torch.arange(30), torch.zeros(30, dtype=torch.long))
    engine, model, optimizer, loader = private(dataset=dataset, module=module, batch_size=1)
    sizes = []
    for _ in range(2):
        for x, y in loader:
            sizes.append(len(x))
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert engine.steps == 60
    assert 0 in sizes[next(at for at, size in enumerate(sizes) if size) :]


def test_evaluation_between_steps_changes_nothing() -> None:
    _, model, optimizer, loader = private()
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            model.eval()(torch.randn(7, 8))
        model.train()
        optimizer.step()
        break


class Endless(IterableDataset):
    def __iter__(self):
        yield torch.zeros(8), torch.tensor(0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"poisson_sampling": False}, "give epochs"),
        ({"poisson_sampling": False, "epochs": 1, "expected_units": 400}, "moves all others"),
        ({"loss_reduction": "max"}, "mean"),
        ({"sigma": 0.0}, "noise_multiplier"),
        ({"clip": -1.0}, "clip_norm"),
        ({"account": people()}, "give epochs"),
        ({"account": people(relation=Relation.ADD_OR_REMOVE), "epochs": 1}, "give expected_units"),
        ({"account": people(), "epochs": 1, "expected_units": 400}, "leave expected_units out"),
        ({"account": people(unit=PrivacyUnit("p", column="id", max_rows=3)), "epochs": 1}, "one by one"),
    ],
)
def test_wrong_settings_get_one_clear_error(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        private(**settings)  # type: ignore[arg-type]


def test_loaders_and_optimizers_that_do_not_fit_are_refused() -> None:
    module, engine = network(), PrivacyEngine()
    terms = {"module": module, "noise_multiplier": 1.0, "max_grad_norm": 1.0}
    own = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(InvalidParameter, match="parameters that the module does not have"):
        engine.make_private(
            optimizer=torch.optim.SGD(network().parameters(), lr=0.1),
            data_loader=DataLoader(data(), batch_size=4),
            **terms,
        )
    with pytest.raises(InvalidParameter, match="iterable"):
        PrivacyEngine().make_private(
            optimizer=own, data_loader=DataLoader(Endless(), batch_size=4), expected_units=9, **terms
        )
    with pytest.raises(InvalidParameter, match="batch size"):
        PrivacyEngine().make_private(optimizer=own, data_loader=DataLoader(data(), batch_size=None), **terms)
    with pytest.raises(InvalidParameter, match="make_private first"):
        PrivacyEngine().get_epsilon(1e-5)


def test_replace_one_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="not priced"):
        private(relation=Relation.REPLACE_ONE)


def test_a_batch_is_for_one_step_and_a_step_for_one_batch() -> None:
    """Anything else is a sampler that is not the one accounted, or an example that counts twice."""
    _, model, optimizer, loader = private()
    with pytest.raises(PermitError, match="no new batch"):
        model(torch.randn(5, 8))
    batches = iter(loader)
    x, y = next(batches)
    F.cross_entropy(model(x), y).backward()
    x, y = next(batches)
    with pytest.raises(PermitError, match="several batches"):
        model(x)
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    with pytest.raises(PermitError, match="no new batch"):
        model(x)
    next(batches)
    with pytest.raises(PermitError, match="another number") as caught:
        model(torch.randn(399, 8))
    assert "399" not in str(caught.value)


def test_a_pass_in_eval_mode_between_steps_is_no_part_of_the_plan() -> None:
    _, model, optimizer, loader = private()
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        assert not model.eval()(torch.randn(399, 8)).requires_grad
        model.train()
        optimizer.step()


def test_gradients_may_be_zeroed_between_forward_and_backward_pass() -> None:
    """As many loops do; the recorded pass must not be lost, or steps would be noise alone without a word."""
    _, model, optimizer, loader = private(sigma=1e-3, clip=0.1, lr=1.0)
    for number, (x, y) in enumerate(loader):
        before, plain = copy.deepcopy(model.wrapped.state_dict()), copy.deepcopy(model.wrapped)
        wanted, _ = reference.clipped_sum(plain, x, y, clip_norm=0.1)
        loss = F.cross_entropy(model(x), y)
        (model if number % 2 else optimizer).zero_grad()
        loss.backward()
        optimizer.step()
        for name, now in model.wrapped.state_dict().items():
            torch.testing.assert_close(before[name] - now, wanted[name] / 40, rtol=1e-3, atol=2e-5)


def test_a_batch_may_be_left_out() -> None:
    """Without a backward pass, or with one and zeroed gradients; the next batch's step is its own."""
    _, model, optimizer, loader = private(sigma=1e-3, clip=0.1, lr=1.0)
    for number, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y)
        if number % 3 == 0:
            continue
        if number % 3 == 1:
            loss.backward()
            optimizer.zero_grad()
            continue
        before, plain = copy.deepcopy(model.wrapped.state_dict()), copy.deepcopy(model.wrapped)
        wanted, _ = reference.clipped_sum(plain, x, y, clip_norm=0.1)
        loss.backward()
        optimizer.step()
        for name, now in model.wrapped.state_dict().items():
            torch.testing.assert_close(before[name] - now, wanted[name] / 40, rtol=1e-3, atol=2e-5)


def test_a_deep_copy_of_the_model_is_not_recorded() -> None:
    _, model, optimizer, loader = private(sigma=1e-3)
    x, y = next(iter(loader))
    F.cross_entropy(model(x), y).backward()
    copied = copy.deepcopy(model.wrapped)
    copied(torch.randn(3, 8)).sum().backward()
    optimizer.step()
    assert all(parameter.grad is not None for parameter in copied.parameters())


def test_parameters_that_join_late_are_refused() -> None:
    module = network()
    module[0].requires_grad_(False)
    _, model, optimizer, loader = private(module=module)
    epoch(model, optimizer, loader)
    module[0].requires_grad_(True)
    with pytest.raises(InvalidParameter, match="after make_private"):
        epoch(model, optimizer, loader)


class Counted(TensorDataset):
    """A data set that does something of its own with an example."""

    def __getitem__(self, index):
        self.asked = getattr(self, "asked", 0) + 1
        return super().__getitem__(index)


def halved(*tensors):
    """The data set as part of a larger one, in another order."""
    whole = TensorDataset(*[torch.cat([tensor.flip(0), tensor]) for tensor in tensors])
    return Subset(whole, list(range(len(tensors[0]), 2 * len(tensors[0]))))


@pytest.mark.parametrize("kind", [TensorDataset, Counted, halved])
def test_batches_of_tensors_are_what_the_loader_would_have_made(kind) -> None:
    x = torch.arange(1200.0).view(300, 2, 2)
    small = torch.arange(300).to(torch.int8).view(300, 1)
    dataset = kind(x, torch.arange(300), small)
    _, _, _, loader = private(dataset=dataset, batch_size=10, module=nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    sizes = []
    for batch in loader:
        assert isinstance(batch, list)
        values, numbers, bytes_of = batch
        assert torch.equal(values, x[numbers])
        assert torch.equal(bytes_of, small[numbers])
        assert (numbers.dtype, bytes_of.dtype) == (torch.int64, torch.int8)
        sizes.append(len(numbers))
    assert len(set(sizes)) > 1
    if kind is Counted:
        assert dataset.asked >= sum(sizes)


def test_a_collation_or_workers_of_one_s_own_are_used() -> None:
    x = torch.randn(60, 8)
    dataset = TensorDataset(x, torch.zeros(60).long())
    for options in ({"collate_fn": lambda rows: (torch.stack([row[0] for row in rows]) * 2, None)}, {"num_workers": 1}):
        module = network()
        _, _, loader = PrivacyEngine().make_private(
            module=module,
            optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
            data_loader=DataLoader(dataset, batch_size=30, **options),
            noise_multiplier=1.0,
            max_grad_norm=1.0,
        )
        for values, rest in loader:
            if "collate_fn" in options:
                assert rest is None
                values = values / 2
            assert all(bool((x == value).all(1).any()) for value in values)
