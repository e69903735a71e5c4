"""Noise and clip norms that change on the way are priced as they were."""

from __future__ import annotations

from fractions import Fraction

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from privet.accounting.price import price  # noqa: E402
from privet.core.errors import InvalidParameter, PermitError  # noqa: E402
from privet.core.events import Composed, Gaussian, PoissonSampled, Repeated  # noqa: E402
from privet.core.neighbours import Relation  # noqa: E402
from privet.training import schedulers  # noqa: E402
from privet.training.engine.criterion import PrivateCriterion  # noqa: E402
from privet.training.schedules import Exponential, Lambda  # noqa: E402

from .loops import data, epoch, people, private  # noqa: E402


def epsilon_of(*parts: tuple[float, int]) -> float:
    event = Composed([Repeated(PoissonSampled(Fraction(1, 10), Gaussian(sigma)), count) for sigma, count in parts])
    return float(price(event, relation=Relation.ZERO_OUT, delta=1e-5).point.epsilon)


def stddev_of_a_step(optimizer, loader) -> float:
    """Of noise alone: a step without a batch, with a learning rate of nothing."""
    optimizer.zero_grad()
    optimizer.step()
    drawn = torch.cat([p.grad.flatten() for group in optimizer.param_groups for p in group["params"]])
    return float(drawn.std()) * 40


def test_a_noise_scheduler_is_priced_step_by_step() -> None:
    wide = nn.Linear(8, 2000)
    engine, _, optimizer, loader = private(module=wide, lr=0.0, clip=0.5)
    scheduler = schedulers.ExponentialNoise(optimizer, gamma=0.8)
    for wanted in (1.0, 0.8, 0.64):
        for _ in range(5):
            assert stddev_of_a_step(optimizer, loader) == pytest.approx(wanted * 0.5, rel=0.05)
        scheduler.step()
    assert engine.get_epsilon(1e-5) == pytest.approx(epsilon_of((1.0, 5), (0.8, 5), (0.64, 5)), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (lambda o: schedulers.StepGradClip(o, step_size=2, gamma=0.5), [1.0, 1.0, 0.5, 0.5, 0.25]),
        (lambda o: schedulers.LambdaGradClip(o, scheduler_function=lambda n: 1 / (n + 1)), [1.0, 0.5, 1 / 3]),
        (lambda o: schedulers.ExponentialGradClip(o, gamma=0.1), [1.0, 0.1, 0.01]),
    ],
)
def test_the_noise_follows_the_clip_norm_and_the_price_does_not(make, values: list[float]) -> None:
    engine, _, optimizer, loader = private(module=nn.Linear(8, 2000), lr=0.0)
    scheduler = make(optimizer)
    for wanted in values:
        assert stddev_of_a_step(optimizer, loader) == pytest.approx(wanted, rel=0.05)
        assert optimizer.max_grad_norm == pytest.approx(wanted)
        scheduler.step()
    assert engine.get_epsilon(1e-5) == pytest.approx(epsilon_of((1.0, len(values))), rel=1e-6)


def test_state_of_a_scheduler() -> None:
    _, _, optimizer, _ = private()
    scheduler = schedulers.StepNoise(optimizer, step_size=1, gamma=0.9)
    scheduler.step()
    state = scheduler.state_dict()
    _, _, other, _ = private()
    again = schedulers.StepNoise(other, step_size=1, gamma=0.9)
    again.load_state_dict(state)
    assert other.noise_multiplier == optimizer.noise_multiplier == pytest.approx(0.9)
    schedulers.LambdaNoise(other, scheduler_function=lambda n: 2.0)
    assert other.noise_multiplier == pytest.approx(1.8)


def test_what_an_account_has_paid_for_cannot_change() -> None:
    _, _, optimizer, _ = private(account=people(), epochs=1, sigma=2.0)
    with pytest.raises(InvalidParameter, match="a schedule"):
        optimizer.noise_multiplier = 1.0
    assert optimizer.noise_multiplier == 2.0


def test_changing_the_noise_does_not_lengthen_a_plan() -> None:
    engine, _model, optimizer, _loader = private(epochs=1)
    for _ in range(4):
        optimizer.step()
    optimizer.noise_multiplier = 2.0
    for _ in range(6):
        optimizer.step()
    with pytest.raises(PermitError, match="all 10 steps"):
        optimizer.step()
    with pytest.raises(PermitError, match="all 10 steps"):
        optimizer.noise_multiplier = 1.0
    assert engine.get_epsilon(1e-5) == pytest.approx(epsilon_of((1.0, 4), (2.0, 6)), rel=1e-6)


def test_a_schedule_in_the_plan_is_one_claim() -> None:
    account = people(epsilon=20)
    engine, model, optimizer, loader = private(
        sigma=Exponential(2.0, gamma=0.5, every=4), account=account, epochs=1, module=nn.Linear(8, 2000), lr=0.0
    )
    for step in range(10):
        assert stddev_of_a_step(optimizer, loader) == pytest.approx(2.0 * 0.5 ** (step // 4), rel=0.05)
    assert engine.get_epsilon(1e-5) == pytest.approx(epsilon_of((2.0, 4), (1.0, 4), (0.5, 2)), rel=1e-6)
    assert len(account.history()) == 1
    engine.release(model)


def test_a_schedule_without_noise_somewhere_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="noise_multiplier"):
        private(sigma=Lambda(1.0, lambda step: 5 - step), epochs=1)


def test_a_weighted_loss_is_divided_by_no_weight_of_the_batch() -> None:
    weights = torch.tensor([1.0, 9.0])
    _, model, optimizer, criterion, loader = private(criterion=nn.CrossEntropyLoss(weight=weights), sigma=1e-4, lr=1.0)
    assert isinstance(criterion, PrivateCriterion)
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    logits, y = torch.randn(6, 2), torch.tensor([0, 1, 1, 0, 0, 0])
    each = F.cross_entropy(logits, y, weight=weights, reduction="none")
    torch.testing.assert_close(criterion(logits, y), each.mean())
    assert not torch.isclose(criterion(logits, y), F.cross_entropy(logits, y, weight=weights))
    assert criterion(logits[:0], y[:0]) == 0


def test_a_loss_of_the_whole_batch_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="no reduction"):
        private(criterion=nn.Identity())

    class Whole(nn.Module):
        reduction = "mean"

        def forward(self, outputs, targets):
            return outputs.mean()

    with pytest.raises(InvalidParameter, match="no loss for each example"):
        PrivateCriterion(Whole(), reduction="mean")(torch.ones(3, 2), torch.ones(3))


def test_repeatable_noise_is_refused_and_old_names_are_taken() -> None:
    with pytest.raises(InvalidParameter, match="taken away again"):
        private(noise_generator=torch.Generator())
    with pytest.raises(InvalidParameter, match="first axis"):
        private(batch_first=False)
    with pytest.raises(TypeError):
        private(max_gradnorm=1.0)
    engine, model, optimizer, loader = private(grad_sample_mode="hooks")
    seen = []
    optimizer.attach_step_hook(lambda stepped: seen.append(stepped.noise_multiplier))
    epoch(model, optimizer, loader)
    assert seen == [1.0] * 10
    assert engine.accountant.get_epsilon(delta=1e-5) == engine.get_epsilon(delta=1e-5)
    assert optimizer.expected_batch_size == 40


@pytest.mark.parametrize(
    ("clipping", "kind"),
    [("flat", "FlatClipping"), ("per_layer", "PerLayerClipping"), ("automatic", "AutomaticClipping"),
     ("adaptive", "AdaptiveClipping")],
)  # fmt: skip
def test_loops_learn_with_every_clipping(clipping: str, kind: str) -> None:
    _engine, model, optimizer, loader = private(dataset=data(2000), batch_size=100, clipping=clipping)
    for _ in range(5):
        epoch(model, optimizer, loader)
    held = data(1000, seed=9).tensors
    assert (model.eval()(held[0]).argmax(1) == held[1]).float().mean() > 0.85
    assert type(optimizer.plan.clipping).__name__ == kind


def test_adaptive_clipping_raises_the_gradients_noise_for_the_count() -> None:
    _, _, optimizer, loader = private(module=nn.Linear(8, 4000), lr=0.0, clipping="adaptive", batch_size=40, sigma=3.9)
    # The count has 2 on a sensitivity of 1/2, a multiplier of 4; little is left for the gradient.
    wanted = (3.9**-2 - 4.0**-2) ** -0.5
    assert stddev_of_a_step(optimizer, loader) == pytest.approx(wanted, rel=0.03)
    with pytest.raises(InvalidParameter, match="the count alone"):
        private(clipping="adaptive", sigma=4.5)


def test_wrong_clippings_get_one_clear_error() -> None:
    with pytest.raises(InvalidParameter, match="per_layer"):
        private(clip=[1.0, 2.0])
    with pytest.raises(InvalidParameter, match="automatic"):
        private(clipping="none")
