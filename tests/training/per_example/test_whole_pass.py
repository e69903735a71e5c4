"""A chain's passes without autograd give what the passes with it give."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from privet.core.errors import InvalidParameter, PermitError  # noqa: E402
from privet.training.engine.criterion import PrivateCriterion  # noqa: E402
from privet.training.per_example.piece import Piece  # noqa: E402
from privet.training.per_example.watch import Watch  # noqa: E402

LAYERS = st.sampled_from([nn.ReLU, nn.Tanh, nn.Sigmoid, None])
CRITERIA = {
    "classes": lambda: nn.CrossEntropyLoss(), "smoothed": lambda: nn.CrossEntropyLoss(label_smoothing=0.1),
    "numbers": lambda: nn.MSELoss(),
}  # fmt: skip


def watched(module: nn.Module, x) -> Watch:
    """After its first batch, which found out who answers for what."""
    watch = Watch(module)
    watch.guard()
    begin(watch, x, 0)
    with torch.enable_grad():
        watch(x).sum().backward()
    watch.clipped_sum(clip_norm=1.0)
    return watch


def begin(watch: Watch, x, number: int) -> None:
    watch.begin(Piece(number, len(x), last=True, units=None))


def both_ways(module: nn.Module, x, y, criterion: PrivateCriterion):
    """Clipped sums of the same batch, without autograd and with it; the loss of the second is a sum."""
    plain = watched(copy.deepcopy(module), x)
    quick = watched(module, x)
    begin(quick, x, 1)
    with torch.no_grad():
        assert quick.run(x, lambda out: criterion.slope(out, y))
        found = quick.clipped_sum(clip_norm=0.5)
    begin(plain, x, 1)
    out = plain(x)
    torch.stack([criterion(out[i : i + 1], y[i : i + 1]) for i in range(len(x))]).sum().backward()
    told = plain.clipped_sum(clip_norm=0.5)
    pairs = zip(module.parameters(), plain.module.parameters(), strict=True)
    return found.norms, told.norms, [(found.sums.get(ours), told.sums.get(theirs)) for ours, theirs in pairs]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 30), LAYERS), max_size=3), st.integers(2, 40), st.integers(1, 9), st.booleans(),
    st.booleans(), st.sampled_from(list(CRITERIA)), st.sets(st.integers(0, 3)), st.integers(0, 10**6),
)  # fmt: skip
def test_clipped_sums_are_those_of_autograd(parts, outside, batch, bias, deep, kind, frozen, seed) -> None:
    torch.manual_seed(seed)
    layers, width = [nn.Flatten()] if deep else [], 6
    for each, activation in [*parts, (outside, None)]:
        layers += [nn.Linear(width, each, bias=bias), *([activation()] if activation is not None else [])]
        width = each
    module = nn.Sequential(*layers)
    linear = [layer for layer in module if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(linear):
        layer.weight.requires_grad_(number not in frozen or number == len(linear) - 1)
    x = torch.randn(batch, 2, 3) if deep else torch.randn(batch, 6)
    y = torch.randn(batch, outside) if kind == "numbers" else torch.randint(outside, (batch,))
    ours, theirs, sums = both_ways(module, x, y, PrivateCriterion(CRITERIA[kind](), reduction="mean"))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    for mine, other in sums:
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("outside", [3, 30])
def test_ignored_targets_and_wrong_ones_are_the_criterion_s_own_business(outside: int) -> None:
    criterion = PrivateCriterion(nn.CrossEntropyLoss(), reduction="mean")
    out = torch.randn(4, outside)
    found = criterion.slope(out, torch.tensor([0, -100, 2, 1]))
    assert not found[1].any()
    assert found[[0, 2, 3]].any(dim=1).all()
    torch.testing.assert_close(found[2], out[2].softmax(0) - nn.functional.one_hot(torch.tensor(2), outside))
    with pytest.raises(InvalidParameter, match="none of the classes"):
        criterion.slope(out, torch.tensor([0, outside, 2, 1]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_an_example_that_is_not_finite_harms_no_other(value: float) -> None:
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    x, y = torch.randn(5, 6), torch.randint(3, (5,))
    x[2, 1] = value
    criterion = PrivateCriterion(nn.CrossEntropyLoss(), reduction="mean")
    norms, _, sums = both_ways(copy.deepcopy(module), x, y, criterion)
    others = [0, 1, 3, 4]
    _, _, without = both_ways(module, x[others], y[others], criterion)
    assert norms[others].isfinite().all()
    for (with_it, _), (alone, _) in zip(sums, without, strict=True):
        assert with_it.isfinite().all()
        assert float((with_it - alone).norm()) <= 0.5


def test_sequences_of_vectors_go_through_as_well() -> None:
    module = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2))
    ours, theirs, sums = both_ways(
        module, torch.randn(3, 5, 6), torch.randn(3, 5, 2), PrivateCriterion(nn.MSELoss(), reduction="mean")
    )
    torch.testing.assert_close(ours, theirs)
    for mine, other in sums:
        torch.testing.assert_close(mine, other)


class Negated(nn.Module):
    """A loss whose slope is one number, seen many times."""

    reduction = "none"

    def forward(self, out, y):
        return -out.sum(1)


def test_a_slope_of_one_number_is_as_good_as_any() -> None:
    criterion = PrivateCriterion(Negated(), reduction="mean")
    _, _, sums = both_ways(nn.Sequential(nn.Linear(6, 40)), torch.randn(3, 6), torch.zeros(3), criterion)
    for mine, other in sums:
        torch.testing.assert_close(mine, other)


def test_outputs_in_a_loop_of_one_s_own_can_be_viewed_as_before() -> None:
    x = torch.randn(5, 6)
    watch = watched(nn.Sequential(nn.Linear(6, 2)), x)
    begin(watch, x, 1)
    assert watch(x).view(-1).shape == (10,)


@torch.no_grad()
def test_a_batch_is_taken_once() -> None:
    x = torch.randn(3, 6)
    watch = watched(nn.Sequential(nn.Linear(6, 2)), x)
    slope = torch.ones_like
    with pytest.raises(PermitError, match="no new batch"):
        watch.run(x, slope)
    begin(watch, x, 1)
    assert watch.run(x, slope)
    begin(watch, x, 2)
    with pytest.raises(PermitError, match="earlier batch"):
        watch.run(x, slope)
    watch.forget()
    assert watch.run(x, slope)
    with pytest.raises(PermitError, match="another number"):
        watch.run(x[:2], slope)


@torch.no_grad()
def test_each_example_s_gradient_can_be_had_from_it() -> None:
    x = torch.randn(3, 6)
    module = nn.Sequential(nn.Linear(6, 2))
    watch = watched(module, x)
    begin(watch, x, 1)
    assert watch.run(x, torch.ones_like)
    each = watch.gradients()[module[0].weight]
    torch.testing.assert_close(each, x[:, None, :].expand(3, 2, 6))


@torch.no_grad()
def test_dropout_is_drawn_in_training_alone() -> None:
    x = torch.ones(2000, 6)
    module = nn.Sequential(nn.Linear(6, 1, bias=False), nn.Dropout(0.25), nn.Linear(1, 1))
    watch = watched(module, x)
    begin(watch, x, 1)
    seen = []
    assert watch.run(x, lambda out: seen.append(out) or torch.ones_like(out))
    assert 400 < int((seen[0] == module[2].bias).sum()) < 600


def test_a_new_plan_knows_no_batch_of_an_earlier_one() -> None:
    x = torch.randn(3, 6)
    watch = watched(nn.Sequential(nn.Linear(6, 2)), x)
    assert watch.piece is not None
    watch.guard()
    assert watch.piece is None
