"""Averages are the stated weighted means of the weights that steps have left."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.averaging import ExponentialAverage, TailAverage  # noqa: E402

from .engine.loops import epoch, network, private  # noqa: E402
from .test_fitting import data, fitted  # noqa: E402


def walk(module: nn.Module, steps: int, average) -> list[dict[str, torch.Tensor]]:
    """Weights after each of some steps, all of them taken into the average."""
    seen = []
    for step in range(steps):
        with torch.no_grad():
            for number, parameter in enumerate(module.parameters()):
                parameter.add_(torch.full_like(parameter, float((step * 7 + number) % 5 - 2)))
        average.update()
        seen.append({name: parameter.detach().clone() for name, parameter in module.named_parameters()})
    return seen


def mean(seen: list[dict[str, torch.Tensor]], weights: list[float]) -> dict[str, torch.Tensor]:
    """By the definition."""
    return {
        name: sum(weight * one[name] for weight, one in zip(weights, seen, strict=True)) / sum(weights)
        for name in seen[0]
    }


def check(average, wanted: dict[str, torch.Tensor]) -> None:
    for name, parameter in average.averaged().named_parameters():
        torch.testing.assert_close(parameter.detach(), wanted[name], rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 0.999), st.integers(1, 12))
def test_the_exponential_average_is_the_debiased_one(decay: float, steps: int) -> None:
    module = nn.Linear(3, 2)
    average = ExponentialAverage(module, decay=decay)
    seen = walk(module, steps, average)
    check(average, mean(seen, [decay ** (steps - 1 - i) for i in range(steps)]))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 15), st.integers(1, 12))
def test_the_tail_average_is_the_plain_mean_after_its_start(start: int, steps: int) -> None:
    module = nn.Linear(3, 2)
    average = TailAverage(module, start=start)
    seen = walk(module, steps, average)
    first = min(start, steps - 1)
    check(average, mean(seen[first:], [1.0] * (steps - first)))


def test_before_any_step_it_is_the_module_as_it_is() -> None:
    module = network()
    made = ExponentialAverage(module, decay=0.9).averaged()
    assert made is not module
    for one, other in zip(made.parameters(), module.parameters(), strict=True):
        assert torch.equal(one, other)


def test_only_trained_parameters_are_held_and_ties_stay_ties() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[0].requires_grad_(False)
    module[1].bias = nn.Parameter(torch.zeros(4))
    average = TailAverage(module, start=0)
    average.update()
    assert set(average.state_dict()["mean"]) == {"1.weight", "1.bias"}
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    tied[1].weight = tied[0].weight
    average = ExponentialAverage(tied, decay=0.5)
    average.update()
    made = average.averaged()
    assert made[0].weight is made[1].weight


def test_half_precision_is_averaged_in_single() -> None:
    module = nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    average = ExponentialAverage(module, decay=0.999)
    for weight in (1.0, 1.0078125):
        module.weight.data.fill_(weight)
        average.update()
    held = average.state_dict()["mean"]["weight"]
    assert held.dtype is torch.float32
    assert 1.003 < float(held) < 1.005


def test_a_saved_average_goes_on_as_if_nothing_had_happened() -> None:
    module = nn.Linear(3, 2)
    average, again = ExponentialAverage(module, decay=0.8), ExponentialAverage(module, decay=0.8)
    walk(module, 5, average)
    saved, weights = copy.deepcopy(average.state_dict()), copy.deepcopy(module.state_dict())
    walk(module, 4, average)
    again.load_state_dict(saved)
    module.load_state_dict(weights)
    walk(module, 4, again)
    for name, value in average.state_dict()["mean"].items():
        assert torch.equal(again.state_dict()["mean"][name], value)


def test_wrong_settings_and_strangers_are_refused() -> None:
    module = nn.Linear(3, 2)
    for make, words in (
        (lambda: ExponentialAverage(module, decay=1.0), "below 1"),
        (lambda: TailAverage(module, start=-1), "at least 0"),
    ):
        with pytest.raises(InvalidParameter, match=words):
            make()
    average = TailAverage(module, start=0)
    average.update()
    with pytest.raises(InvalidParameter, match="no parameter 'weight'"):
        average.apply_to(nn.Linear(4, 2))
    with pytest.raises(InvalidParameter, match="other trained parameters"):
        TailAverage(network(), start=0).load_state_dict(average.state_dict())


def test_an_average_follows_the_steps_of_a_private_loop() -> None:
    module = network()
    average = TailAverage(module, start=5)
    engine, model, optimizer, loader = private(module=module)
    seen = []

    def take(_optimizer) -> None:
        average.update()
        seen.append({name: parameter.detach().clone() for name, parameter in module.named_parameters()})

    optimizer.attach_step_hook(take)
    epoch(model, optimizer, loader)
    assert len(seen) == engine.steps == 10
    check(average, mean(seen[5:], [1.0] * 5))


def test_noise_alone_shrinks_in_an_average() -> None:
    """Steps of pure noise walk; the spread of their mean about its middle is smaller than that of the last weights."""
    module = nn.Linear(8, 500)
    average = ExponentialAverage(module, decay=0.9)
    _, _, optimizer, _ = private(module=module, lr=1.0)
    start = module.weight.detach().clone()
    for _ in range(20):
        optimizer.step()
        average.update()
    assert (average.averaged().weight - start).std() < 0.9 * (module.weight - start).std()


def test_fit_releases_the_average_and_keeps_it_over_an_interruption(tmp_path) -> None:
    module = network()
    average = TailAverage(module, start=2)
    scheduler = {}

    def train(epochs_stop: int | None):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
        scheduler["it"] = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
        return fitted(
            module,
            data(400),
            optimizer=optimizer,
            average=average,
            scheduler=scheduler["it"],
            epochs=4,
            checkpoint=tmp_path / "fit.pt",
            on_progress=lambda progress: interrupt(progress, epochs_stop),
        )

    def interrupt(progress, at: int | None) -> None:
        if progress.epoch == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(2)
    held = average.state_dict()
    assert held["steps"] == 8
    module = network()
    average = TailAverage(module, start=2)
    made = train(None)
    assert average.state_dict()["steps"] == 16
    assert scheduler["it"].last_epoch == 4
    for name, parameter in made.module.named_parameters():
        torch.testing.assert_close(parameter.detach(), average.state_dict()["mean"][name])
        torch.testing.assert_close(torch.as_tensor(made.release.value[name]), parameter.detach())
    assert made.module is not module
