"""AdamBC follows its paper, and its second moments are those of gradients without noise."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training import AdamBC, CorrelatedNoise, PrivacyEngine, ShuffledBatches, TreeAggregation  # noqa: E402

from .engine.loops import data, epoch, network  # noqa: E402


def private(module: nn.Module, optimizer, dataset=None, *, batch_size: int = 40, sigma: float = 1.0, clip: float = 1.0):
    return PrivacyEngine().make_private(
        module=module,
        optimizer=optimizer,
        data_loader=DataLoader(dataset or data(), batch_size=batch_size),
        noise_multiplier=sigma,
        max_grad_norm=clip,
    )


def reference(grads: list[float], variances: list[float], *, lr: float, betas: tuple[float, float], floor: float):
    """Algorithm 1 in Python floats; with a variance for each step its share is averaged as the squares are."""
    weight = mean = squares = noise = 0.0
    for t, (grad, variance) in enumerate(zip(grads, variances, strict=True), start=1):
        mean = betas[0] * mean + (1 - betas[0]) * grad
        squares = betas[1] * squares + (1 - betas[1]) * grad**2
        noise = betas[1] * noise + (1 - betas[1]) * variance
        corrected = (squares - noise) / (1 - betas[1] ** t)
        weight -= lr * mean / (1 - betas[0] ** t) / max(corrected, floor) ** 0.5
    return weight


@pytest.mark.parametrize("variances", [[0.25] * 6, [0.0] * 6, [0.5, 0.1, 0.3, 0.0, 2.0, 0.2], [9.0] * 6])
def test_steps_are_those_of_the_paper(variances: list[float]) -> None:
    grads = [0.7, -0.2, 1.3, 0.1, -0.9, 0.4]
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = AdamBC([weight], lr=0.05, betas=(0.8, 0.95), floor=1e-3)
    for grad, variance in zip(grads, variances, strict=True):
        weight.grad = torch.tensor([grad], dtype=torch.float64)
        optimizer.noise_variance = variance
        optimizer.step()
    wanted = reference(grads, variances, lr=0.05, betas=(0.8, 0.95), floor=1e-3)
    assert float(weight.detach()) == pytest.approx(wanted, rel=1e-9)


def test_without_a_floor_of_its_own_it_is_a_tenth_of_the_noise() -> None:
    """Where nothing but noise is in a gradient, the corrected moment is about zero and the step must stay finite."""
    for variance, wanted in ((0.25, 0.025), (0.0, 1e-16)):
        weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = AdamBC([weight], lr=1.0)
        weight.grad, optimizer.noise_variance = torch.tensor([0.5 if variance else 1e-9], dtype=torch.float64), variance
        optimizer.step()
        assert float(weight.detach()) == pytest.approx(-float(weight.grad) / wanted**0.5)


def test_without_noise_it_is_adam() -> None:
    ours, theirs = network(), network()
    one = AdamBC(ours.parameters(), lr=0.01, floor=1e-30)
    other = torch.optim.Adam(theirs.parameters(), lr=0.01, eps=0.0)
    x, y = data().tensors
    for _ in range(5):
        for module, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def second_moments(sigma: float, *, corrected: bool) -> tuple[torch.Tensor, float]:
    """After many private steps on gradients that never change, and the square that they have without noise."""
    module = nn.Linear(1, 400, bias=False)
    optimizer = AdamBC(module.parameters(), lr=0.0, betas=(0.9, 0.99))
    model, stepping, loader = private(
        module, optimizer, TensorDataset(torch.ones(8, 1)), batch_size=8, sigma=sigma, clip=20.0
    )
    for _ in range(150):
        for (x,) in loader:
            stepping.zero_grad()
            model(x).sum(1).mean().backward()
            stepping.step()
            if not corrected:
                optimizer.param_groups[0]["mean_noise"] = 0.0
    # Every example's gradient is one in every entry, of norm twenty; the loader takes all eight in each step.
    return optimizer.second_moment(module.weight), 1.0


def test_second_moments_of_noisy_gradients_are_unbiased() -> None:
    found, wanted = second_moments(0.4, corrected=True)
    # Noise of variance one doubles a square that is one. Over 400 entries and about 110 steps the mean is off by 0.012
    # in standard deviation; noise of a scale ten percent off would move it by 0.2.
    assert abs(float(found.mean()) - wanted) < 0.06
    biased, _ = second_moments(0.4, corrected=False)
    assert abs(float(biased.mean()) - 2.0) < 0.06


def test_the_engine_tells_the_noise_of_the_mean_gradient() -> None:
    module = network()
    optimizer = AdamBC(module.parameters(), lr=0.01)
    model, stepping, loader = private(module, optimizer, sigma=1.5, clip=0.5)
    epoch(model, stepping, loader)
    assert optimizer.noise_variance == pytest.approx((1.5 * 0.5 / 40) ** 2)
    stepping.max_grad_norm = 0.25
    epoch(model, stepping, loader)
    assert optimizer.noise_variance == pytest.approx((1.5 * 0.25 / 40) ** 2)


def test_correlated_noise_whose_variance_it_would_not_be_told_is_refused() -> None:
    module = network()
    with pytest.raises(InvalidParameter, match="another in every step"):
        PrivacyEngine().make_private(
            module=module,
            optimizer=AdamBC(module.parameters()),
            data_loader=DataLoader(data(), batch_size=100),
            noise_multiplier=CorrelatedNoise(1.0, TreeAggregation(steps=8)),
            max_grad_norm=1.0,
            sampling=ShuffledBatches(units=400, batch_size=100),
            epochs=2,
        )


def test_a_loop_learns_with_it_and_its_state_comes_back() -> None:
    module = network()
    optimizer = AdamBC(module.parameters(), lr=0.01, weight_decay=1e-3)
    model, stepping, loader = private(module, optimizer, data(2000), batch_size=200)
    for _ in range(4):
        epoch(model, stepping, loader)
    held = data(1000, seed=9).tensors
    assert (model.eval()(held[0]).argmax(1) == held[1]).float().mean() > 0.8
    again = AdamBC(network().parameters(), lr=0.5)
    again.load_state_dict(copy.deepcopy(stepping.state_dict()))
    assert again.param_groups[0]["steps"] == 40
    assert again.param_groups[0]["mean_noise"] == optimizer.param_groups[0]["mean_noise"] > 0
    assert again.param_groups[0]["lr"] == 0.01


def test_wrong_settings_are_refused() -> None:
    parameters = list(network().parameters())
    for settings, words in (
        ({"betas": (1.0, 0.9)}, "betas"),
        ({"floor": 0.0}, "floor"),
        ({"lr": -1.0}, "at least 0"),
    ):
        with pytest.raises(InvalidParameter, match=words):
            AdamBC(parameters, **settings)
    with pytest.raises(InvalidParameter, match="after a step"):
        AdamBC(parameters).second_moment(parameters[0])


def test_half_precision_is_moved_by_moments_in_single() -> None:
    weight = nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    optimizer = AdamBC([weight], lr=0.1)
    weight.grad = torch.full_like(weight, 2.0)
    optimizer.step()
    assert optimizer.state[weight]["squares"].dtype is torch.float32
    torch.testing.assert_close(weight.detach(), torch.full((3,), -0.1, dtype=torch.bfloat16))
