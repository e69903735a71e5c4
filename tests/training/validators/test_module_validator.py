"""The validator says what the engine would say, and what it repairs trains."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.per_example.owners import UnsupportedModule  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402
from privet.training.validators import ModuleValidator  # noqa: E402
from privet.training.validators.replacements import replaced  # noqa: E402

from ..engine.loops import epoch, private  # noqa: E402


class Block(nn.Module):
    """A residual block with activations in place after its normalisations."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.two, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.bn1(self.one(x)))
        y = self.bn2(self.two(y))
        y += x
        return self.act(y)


def residual() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        Block(8),
        Block(8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


def images(count: int = 200) -> TensorDataset:
    torch.manual_seed(4)
    x = torch.randn(count, 1, 8, 8)
    y = torch.arange(count) % 2
    x[:, :, :, :4] += 2.0 * y[:, None, None, None]
    return TensorDataset(x, y)


REFUSED = {
    "batch norm": (nn.BatchNorm1d(4), torch.randn(5, 4)),
    "batch norm 2d": (nn.Sequential(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4)), torch.randn(5, 1, 3, 3)),
    "instance norm that tracks": (nn.InstanceNorm2d(4, affine=True, track_running_stats=True), torch.randn(5, 4, 3, 3)),
    "embedding by frequency": (nn.Embedding(9, 4, scale_grad_by_freq=True), torch.arange(5)[:, None]),
    "embedding with a norm": (nn.Embedding(9, 4, max_norm=1.0), torch.arange(5)[:, None]),
    "sparse embedding": (nn.Embedding(9, 4, sparse=True), torch.arange(5)[:, None]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_validator_and_engine_say_the_same_of_what_is_refused_by_name(name: str) -> None:
    module, x = REFUSED[name]
    (problem,) = ModuleValidator.validate(module)
    with pytest.raises(UnsupportedModule) as caught:
        Watch(module)(x)
    assert str(problem) == str(caught.value)
    with pytest.raises(UnsupportedModule, match=r"use|set"):
        ModuleValidator.validate(module, strict=True)
    assert not ModuleValidator.is_valid(module)
    assert ModuleValidator.is_valid(ModuleValidator.fix(module))


def test_every_problem_is_told_at_once_by_name() -> None:
    module = nn.ModuleDict({"norm": nn.BatchNorm1d(4), "words": nn.Embedding(9, 4, sparse=True)})
    with pytest.raises(UnsupportedModule, match=r"norm \(BatchNorm1d\).*; words \(Embedding\).*"):
        ModuleValidator.validate(module, strict=True)


def test_recurrent_layers_and_attention_need_no_replacement() -> None:
    module = nn.ModuleList(
        [nn.LSTM(3, 4), nn.GRU(3, 4), nn.RNN(3, 4), nn.MultiheadAttention(4, 2), nn.TransformerEncoderLayer(4, 2, 8)]
    )
    assert ModuleValidator.validate(module) == []
    fixed = ModuleValidator.fix(module)
    assert [type(part) for part in fixed.modules()] == [type(part) for part in module.modules()]


def test_a_module_in_eval_mode_is_no_promise_for_training() -> None:
    (problem,) = ModuleValidator.validate(residual().eval())
    assert "call train() first" in str(problem)


def test_statistics_that_are_frozen_are_left_as_they_are() -> None:
    module = residual()
    module[1].eval()
    assert len(ModuleValidator.validate(module)) == 4
    fixed = ModuleValidator.fix(module)
    assert isinstance(fixed[1], nn.BatchNorm2d)
    assert ModuleValidator.is_valid(fixed)
    # A module that is in eval mode as a whole is about to be trained as a whole.
    assert isinstance(ModuleValidator.fix(module.eval())[1], nn.GroupNorm)
    without = nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False))
    without[0].eval()
    assert not ModuleValidator.is_valid(without), "without statistics of its own it reads the batch's in any mode"


def test_layers_without_shapes_are_told_before_they_are_trained() -> None:
    assert "call the module on one batch" in str(ModuleValidator.validate(nn.LazyLinear(3))[0])


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 12, 16, 31, 32, 48, 64, 100, 1024])
@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm])
def test_groups_divide_and_hold_more_than_one_channel(kind: type[nn.Module], channels: int) -> None:
    """A group of one value is normalised to nothing (Opacus' issue 567)."""
    if channels == 1 and kind is nn.BatchNorm1d:
        with pytest.raises(InvalidParameter, match="leaves nothing of it; take it out"):
            replaced(kind(channels))
        return
    made = replaced(kind(channels))
    assert channels % made.num_groups == 0
    assert made.num_groups <= 32
    assert channels // made.num_groups > 1 or channels == 1


def test_vectors_are_not_erased() -> None:
    made = ModuleValidator.fix(nn.BatchNorm1d(16))
    x = torch.randn(6, 16)
    assert torch.corrcoef(torch.stack([made(x)[0], x[0]]))[0, 1] > 0.99
    assert made(x).std() > 0.5


def test_weights_precision_mode_and_what_is_frozen_are_kept() -> None:
    module = nn.Sequential(nn.BatchNorm2d(6, eps=1e-3), nn.BatchNorm2d(6, affine=False)).double()
    with torch.no_grad():
        module[0].weight.copy_(torch.arange(6))
        module[0].bias.fill_(2.0)
    module[0].weight.requires_grad_(False)
    fixed = ModuleValidator.fix(module)
    assert isinstance(fixed[0], nn.GroupNorm)
    assert fixed[0].weight.tolist() == [0, 1, 2, 3, 4, 5]
    assert fixed[0].weight.dtype is torch.float64
    assert (fixed[0].weight.requires_grad, fixed[0].bias.requires_grad) == (False, True)
    assert fixed[0].eps == 1e-3
    assert fixed[1].weight is None
    assert not ModuleValidator.fix(module.eval())[0].training
    assert isinstance(module[0], nn.BatchNorm2d), "the module itself is not touched"
    assert fixed[0].bias is not module[0].bias


def test_a_layer_that_is_used_twice_stays_one_layer() -> None:
    norm = nn.BatchNorm1d(32)
    fixed = ModuleValidator.fix(nn.Sequential(nn.Linear(32, 32), norm, nn.Linear(32, 32), norm))
    assert fixed[1] is fixed[3]
    assert isinstance(fixed[1], nn.GroupNorm)


def test_instance_norms_and_chosen_numbers_of_groups_as_opacus_takes_them() -> None:
    module = nn.Sequential(nn.BatchNorm2d(8))
    assert isinstance(ModuleValidator.fix(module, replace_bn_with_in=True)[0], nn.InstanceNorm2d)
    assert ModuleValidator.fix(module, replace_bn_with_in=True)[0].weight is not None
    assert ModuleValidator.fix_and_validate(module, num_groups=8)[0].num_groups == 8
    for options, words in (
        ({"num_groups": 2, "replace_bn_with_in": True}, "leave it out"),
        ({"num_groups": 3}, "0: num_groups is 3; give a divisor of 8"),
    ):
        with pytest.raises(InvalidParameter, match=words):
            ModuleValidator.fix(module, **options)
    with pytest.raises(InvalidParameter, match="give fewer num_groups"):
        ModuleValidator.fix(nn.BatchNorm1d(8), num_groups=8)
    with pytest.raises(InvalidParameter, match="leave replace_bn_with_in out"):
        ModuleValidator.fix(nn.SyncBatchNorm(8), replace_bn_with_in=True)


def test_instance_norms_and_embeddings_lose_only_what_is_not_private() -> None:
    module = nn.Sequential(
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True, eps=1e-2),
        nn.EmbeddingBag(9, 4, max_norm=1.0),
        nn.Embedding(9, 4, padding_idx=3, sparse=True),
    )
    assert len(ModuleValidator.validate(module)) == 3
    fixed = ModuleValidator.fix(module)
    assert list(fixed[0].state_dict()) == ["weight", "bias"]
    assert fixed[0].eps == 1e-2
    x = torch.randn(3, 4, 5, 5)
    torch.testing.assert_close(fixed[0](x), module[0](x))
    assert (fixed[1].max_norm, fixed[2].sparse, fixed[2].padding_idx) == (None, False, 3)
    assert torch.equal(fixed[2].weight, module[2].weight)


class Activated(nn.BatchNorm2d):
    """Does more than its class says; a replacement would lose it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu()


def test_a_subclass_is_told_and_not_replaced() -> None:
    module = nn.Sequential(Activated(4))
    assert isinstance(ModuleValidator.fix(module)[0], Activated)
    with pytest.raises(UnsupportedModule, match="Activated"):
        ModuleValidator.fix_and_validate(module)


def test_a_residual_net_with_activations_in_place_trains_once_it_is_fixed() -> None:
    """Opacus' issue 828: its fixed modules still stop at an in-place ReLU behind a replaced normalisation."""
    module = ModuleValidator.fix(residual())
    plain = copy.deepcopy(module)
    engine, model, optimizer, loader = private(dataset=images(), module=module, batch_size=40, sigma=0.6, lr=1.0)
    for _ in range(6):
        epoch(model, optimizer, loader)
    x, y = images(400).tensors
    assert (model.eval()(x).argmax(1) == y).float().mean() > 0.9
    assert engine.steps == 30
    assert any(not torch.equal(a, b) for a, b in zip(plain.parameters(), module.parameters(), strict=True))


def test_gradients_of_a_fixed_net_are_those_of_each_example_alone() -> None:
    module = ModuleValidator.fix(residual())
    x, y = images(6).tensors
    watch = Watch(module)
    F.cross_entropy(watch(x), y, reduction="sum").backward()
    norms = watch.clipped_sum(clip_norm=1.0).norms
    for i, norm in enumerate(norms):
        alone = copy.deepcopy(module)
        F.cross_entropy(alone(x[i : i + 1]), y[i : i + 1]).backward()
        torch.testing.assert_close(
            norm, torch.stack([p.grad.norm() for p in alone.parameters()]).norm(), rtol=1e-4, atol=1e-5
        )
