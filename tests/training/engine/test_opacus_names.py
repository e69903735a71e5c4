"""A program for Opacus finds its arguments, return values and attributes here."""

from __future__ import annotations

import inspect
import io

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset, SubsetRandomSampler, WeightedRandomSampler  # noqa: E402

from privet.core.errors import InvalidParameter, PermitError  # noqa: E402
from privet.training import PrivacyEngine, layers  # noqa: E402
from privet.training.clipping import PerLayerClipping  # noqa: E402
from privet.training.engine.criterion import PrivateCriterion  # noqa: E402
from privet.training.per_example.owners import UnsupportedModule  # noqa: E402

from .loops import data, epoch, network, people, private  # noqa: E402

# Of Opacus 1.6; what is missing here is taken for the sake of older programs, or refused with a reason.
ARGUMENTS = {
    "make_private": [
        "module", "optimizer", "criterion", "data_loader", "noise_multiplier", "max_grad_norm", "batch_first",
        "loss_reduction", "poisson_sampling", "clipping", "noise_generator", "grad_sample_mode", "wrap_model",
        "rand_on_empty",
    ],
    "get_epsilon": ["delta"],
    "save_checkpoint": ["path", "module", "optimizer", "noise_scheduler", "grad_clip_scheduler", "checkpoint_dict"],
    "load_checkpoint": ["path", "module", "optimizer", "noise_scheduler", "grad_clip_scheduler"],
    "get_compatible_module": ["module"],
    "validate": ["module", "optimizer", "data_loader"],
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_argument_of_opacus_has_its_name(name: str) -> None:
    taken = inspect.signature(getattr(PrivacyEngine, name)).parameters
    assert [argument for argument in ARGUMENTS[name] if argument not in taken] == []


def test_ghost_modes_give_the_criterion_back_and_others_do_not() -> None:
    assert len(private(grad_sample_mode="hooks", criterion=nn.CrossEntropyLoss())) == 4
    engine, model, optimizer, criterion, loader = private(grad_sample_mode="ghost")
    assert isinstance(criterion.each, nn.CrossEntropyLoss)
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        assert isinstance(loss.item(), float)
    assert engine.steps == 10
    *_, criterion, _ = private(grad_sample_mode="ghost", criterion=nn.MSELoss(reduction="sum"), loss_reduction="sum")
    assert float(criterion(torch.ones(3, 2), torch.zeros(3, 2))) == 6
    with pytest.raises(InvalidParameter, match="hooks, functorch, ew, ghost"):
        private(grad_sample_mode="no_op")


def test_tokens_in_one_axis_are_examples_by_their_shape() -> None:
    """As Opacus' criterion is called for language models; padding counts in no example's mean."""
    criterion = PrivateCriterion(nn.CrossEntropyLoss(), reduction="mean")
    logits, targets = torch.randn(4, 5, 7), torch.randint(0, 7, (4, 5))
    targets[0, 1:] = -100
    targets[2] = -100
    wanted = sum(F.cross_entropy(logits[i], targets[i]) for i in (0, 1, 3)) / 4
    torch.testing.assert_close(criterion(logits.flatten(0, 1), targets.flatten(), shape=logits.shape), wanted)
    torch.testing.assert_close(criterion(logits.transpose(1, 2), targets), wanted)
    summed = PrivateCriterion(nn.CrossEntropyLoss(), reduction="sum")
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(summed(logits.transpose(1, 2), targets), total)
    empty = criterion(logits[:0].flatten(0, 1), targets[:0].flatten(), shape=(0, 5, 7))
    assert float(empty) == 0


def test_options_of_adaptive_clipping_have_opacus_names() -> None:
    options = {
        "target_unclipped_quantile": 0.3,
        "clipbound_learning_rate": 0.5,
        "unclipped_num_std": 4.0,
        "min_clipbound": 0.9,
        "max_clipbound": 1.1,
    }
    _, model, optimizer, loader = private(clipping="adaptive", **options)
    rule = optimizer.plan.clipping
    assert (rule.quantile, rule.learning_rate, rule.count_noise) == (0.3, 0.5, 4.0)
    seen = set()
    for _ in range(5):
        epoch(model, optimizer, loader)
        seen.add(optimizer.max_grad_norm)
    assert all(0.9 <= norm <= 1.1 for norm in seen)
    assert {0.9, 1.1} & seen, "with this learning rate a bound is reached"
    for wrong, words in (({"clipping": "flat"}, "target_unclipped"), ({"quantil": 0.5}, "quantil")):
        with pytest.raises(TypeError, match=words):
            private(**{"clipping": "adaptive", "target_unclipped_quantile": 0.5, **wrong})
    with pytest.raises(InvalidParameter, match="bounds around the first clip norm"):
        private(clipping="adaptive", min_clipbound=2.0)


def test_several_norms_reach_a_target_too() -> None:
    module = network()
    engine = PrivacyEngine(accountant="rdp", secure_mode=False)
    _, optimizer, _ = engine.make_private_with_epsilon(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(data(), batch_size=40),
        target_epsilon=2.0,
        target_delta=1e-5,
        epochs=1,
        max_grad_norm=[1.0, 1.0, 1.0, 1.0],
        clipping="per_layer",
    )
    assert optimizer.plan.clipping == PerLayerClipping((1.0, 1.0, 1.0, 1.0))


def test_what_would_break_the_plan_is_refused_with_a_reason() -> None:
    with pytest.raises(InvalidParameter, match="asked of yours"):
        private(wrap_model=False)
    with pytest.raises(InvalidParameter, match="noise alone"):
        private(rand_on_empty=True)


def test_a_module_that_cannot_be_private_is_refused_before_anything_is_claimed() -> None:
    account = people()
    with pytest.raises(UnsupportedModule, match=r"0 \(BatchNorm1d\)"):
        private(module=nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 2)), account=account, epochs=1, sigma=2.0)
    assert account.history() == []


def test_statistics_that_thaw_on_the_way_are_refused() -> None:
    """``train()`` after an evaluation wakes up a normalisation that was kept in eval mode."""
    module = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    module[1].eval()
    _, model, optimizer, loader = private(module=module)
    epoch(model, optimizer, loader)
    before = module[1].running_mean.clone()
    model.eval()
    model.train()
    with pytest.raises(UnsupportedModule, match=r"1 \(BatchNorm1d\)"):
        epoch(model, optimizer, loader)
    with torch.no_grad(), pytest.raises(UnsupportedModule):
        model(torch.randn(5, 8))
    assert torch.equal(before, module[1].running_mean)


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.zeros(8), torch.tensor(0)


def test_parts_are_checked_before_they_are_made_private() -> None:
    good, bad = network(), nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 2))
    own = torch.optim.SGD(good.parameters(), lr=0.1)
    loader = DataLoader(data(), batch_size=4)
    assert PrivacyEngine().is_compatible(module=good, optimizer=own, data_loader=loader)
    assert PrivacyEngine().is_compatible(module=good, optimizer=None, data_loader=None)
    for parts in (
        {"module": bad},
        {"module": good, "optimizer": torch.optim.SGD(bad.parameters(), lr=0.1)},
        {"module": good, "optimizer": torch.optim.LBFGS(good.parameters())},
        {"module": good, "data_loader": DataLoader(Stream(), batch_size=4)},
    ):
        assert not PrivacyEngine().is_compatible(**parts)
    with pytest.raises(UnsupportedModule, match="GroupNorm"):
        PrivacyEngine().validate(module=bad, optimizer=None, data_loader=None)
    fixed = PrivacyEngine.get_compatible_module(bad)
    assert isinstance(fixed[0], nn.GroupNorm)


def test_a_batch_that_goes_through_the_plain_module_is_not_lost_in_silence() -> None:
    module = network()
    _, model, optimizer, loader = private(module=module)
    for x, y in loader:
        F.cross_entropy(module(x), y).backward()
        with pytest.raises(InvalidParameter, match="call that one in the loop"):
            optimizer.step()
        break
    epoch(model, optimizer, loader)


def test_the_plain_module_comes_back() -> None:
    module = network()
    _, model, optimizer, loader = private(module=module)
    epoch(model, optimizer, loader)
    assert model._module is module
    plain = model.to_standard_module()
    assert plain is module
    plain.zero_grad()
    plain(torch.randn(3, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in plain.parameters())


def test_weights_that_opacus_saved_can_be_loaded() -> None:
    _, model, _, _ = private()
    theirs = {f"_module.{name}": tensor + 1 for name, tensor in network().state_dict().items()}
    model.load_state_dict(theirs)
    assert torch.equal(model.wrapped[0].weight, theirs["_module.0.weight"])


def test_a_sampler_of_the_loaders_own_is_not_replaced_in_silence() -> None:
    """As Opacus does (its issues 600 and 813)."""
    module = network()
    for sampler in (WeightedRandomSampler(torch.ones(400), 400), SubsetRandomSampler(range(100))):
        with pytest.raises(InvalidParameter, match=type(sampler).__name__):
            PrivacyEngine().make_private(
                module=module,
                optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
                data_loader=DataLoader(data(), batch_size=40, sampler=sampler),
                noise_multiplier=1.0,
                max_grad_norm=1.0,
            )


def test_checkpoints_go_into_memory_too() -> None:
    held = io.BytesIO()
    engine, model, optimizer, loader = private()
    epoch(model, optimizer, loader)
    engine.save_checkpoint(path=held, module=model, optimizer=optimizer)
    held.seek(0)
    again, other, stepping, _ = private()
    again.load_checkpoint(path=held, module=other, optimizer=stepping)
    assert again.steps == 10
    with pytest.raises(InvalidParameter, match="not a whole checkpoint"):
        again.load_checkpoint(path=io.BytesIO(b"no"), module=other, optimizer=stepping)


@pytest.mark.parametrize("name", ["DPLSTM", "DPGRU", "DPMultiheadAttention"])
def test_layers_of_opacus_are_those_of_torch(name: str) -> None:
    kind = getattr(layers, name)
    assert kind.__module__.startswith("torch.nn")
    assert kind is getattr(nn, name.removeprefix("DP"))


def test_a_plain_recurrent_layer_takes_arguments_in_opacus_order() -> None:
    made = layers.DPRNN(3, 4, 2, False, True, 0.1, True, nonlinearity="relu")
    assert (made.num_layers, made.bias, made.batch_first, made.dropout) == (2, False, True, 0.1)
    assert (made.bidirectional, made.nonlinearity, type(made)) == (True, "relu", nn.RNN)
    with pytest.raises(ValueError, match="proj_size"):
        layers.DPRNN(3, 4, proj_size=2)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, nesterov=True),
        lambda p: torch.optim.Adam(p, lr=0.05),
        lambda p: torch.optim.AdamW(p, lr=0.05),
        lambda p: torch.optim.RMSprop(p, lr=0.02),
        lambda p: torch.optim.Adagrad(p, lr=0.2),
        lambda p: torch.optim.NAdam(p, lr=0.02),
    ],
    ids=["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"],
)
def test_any_optimizer_of_torch_learns(make) -> None:
    module = network()
    model, optimizer, loader = PrivacyEngine().make_private(
        module=module,
        optimizer=make(module.parameters()),
        data_loader=DataLoader(data(2000), batch_size=200),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    for _ in range(3):
        epoch(model, optimizer, loader)
    held = data(1000, seed=9).tensors
    assert (model.eval()(held[0]).argmax(1) == held[1]).float().mean() > 0.8


def test_optimizers_that_cannot_be_private_are_refused_by_name() -> None:
    for made, words in ((torch.optim.LBFGS, "several times"), (torch.optim.SparseAdam, "dense")):
        module = network()
        with pytest.raises(InvalidParameter, match=words):
            PrivacyEngine().make_private(
                module=module,
                optimizer=made(module.parameters()),
                data_loader=DataLoader(data(), batch_size=40),
                noise_multiplier=1.0,
                max_grad_norm=1.0,
            )


def test_a_plan_that_is_used_up_says_so() -> None:
    _, model, optimizer, loader = private(epochs=1)
    epoch(model, optimizer, loader)
    with pytest.raises(PermitError, match="plan more epochs"):
        epoch(model, optimizer, loader)
