"""What fit takes where nothing is said: rules of public numbers."""

from __future__ import annotations

import contextlib
import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training import defaults  # noqa: E402
from privet.training.clipping import FlatClipping  # noqa: E402
from privet.training.fitting import fit  # noqa: E402

from .engine.loops import data, network, people  # noqa: E402


def made(dataset=None, module=None, **settings):
    given = {"criterion": nn.CrossEntropyLoss(), "epsilon": 3.0, "epochs": 3, **settings}
    return fit(module or network(), data(800) if dataset is None else dataset, **given)


def rates_of(stops: type[Exception] | None = None, **settings) -> list[float]:
    """Learning rates of the steps that ran."""
    seen: list[float] = []
    plain = torch.optim.SGD.step

    def step(self, *given):
        seen.append(self.param_groups[0]["lr"])
        return plain(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", step)
        with pytest.raises(stops) if stops else contextlib.nullcontext():
            made(**settings)
    return seen


def test_epsilon_and_epochs_are_enough() -> None:
    fitted = made(data(3000), epochs=15)
    x, y = data(1000, seed=9).tensors
    assert float((fitted.module(x).argmax(1) == y).float().mean()) > 0.9
    assert fitted.release.receipt.epsilon <= 3.0
    assert float(fitted.release.receipt.delta) == pytest.approx(0.1 / 3000)


def test_an_epoch_has_sixteen_steps_whatever_the_size() -> None:
    assert [defaults.batch_size_for(units) for units in (1, 16, 160, 60_000)] == [1, 1, 10, 3750]
    assert made(data(800), epochs=1).history[-1].steps == 16


def test_delta_is_below_one_over_the_units() -> None:
    assert all(defaults.delta_for(units) * units == pytest.approx(0.1) for units in (1, 100, 10**9))


def test_units_are_users_where_users_are_named_and_the_stated_number_where_one_is_stated() -> None:
    users = [number // 4 for number in range(800)]
    assert defaults.units_in(800, users=users, expected_units=None) == 200
    assert defaults.units_in(800, users=None, expected_units=1000) == 1000
    fitted = made(data(800), users=users, epochs=1)
    assert float(fitted.release.receipt.delta) == pytest.approx(0.1 / 200)
    assert float(made(data(800), expected_units=1000, epochs=1).release.receipt.delta) == pytest.approx(1e-4)


def test_rules_read_no_example() -> None:
    """Two data sets of one size get the same plan, whatever they hold."""

    class Opened(Exception):
        pass

    class Sealed(Dataset):
        def __len__(self) -> int:
            return 800

        def __getitem__(self, index: int) -> None:
            raise Opened

    account = people(epsilon=5, delta="1e-3")
    with pytest.raises(Opened):
        made(Sealed(), account=account)
    # The claim was there before the first example was.
    (reserved,) = account.history()
    plain = made(data(800)).release.receipt
    assert reserved.event == plain.event


def test_gradients_are_normalised_unless_a_clip_norm_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    from privet.training.engine.settings import Settings

    plans = []
    plain = Settings.plan
    monkeypatch.setattr(Settings, "plan", lambda self, loader: plans.append(plain(self, loader)) or plans[-1])
    made(epochs=1)
    assert plans[-1].clipping.clip_norm == 1.0
    assert not isinstance(plans[-1].clipping, FlatClipping)
    made(epochs=1, max_grad_norm=0.5)
    assert plans[-1].clipping == FlatClipping(0.5)
    made(epochs=1, clipping="flat")
    assert plans[-1].clipping == FlatClipping(1.0)


def test_the_learning_rate_falls_to_nothing_unless_an_optimizer_is_given() -> None:
    optimizer = defaults.optimizer_for(network())
    scheduler = defaults.scheduler_for(optimizer, epochs=4, share=1.0)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([(1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(4)])
    own = torch.optim.SGD((module := network()).parameters(), lr=0.1)
    made(module=module, optimizer=own)
    assert own.param_groups[0]["lr"] == 0.1


def test_the_learning_rate_is_smaller_where_noise_is_long() -> None:
    terms = {"noise_multiplier": 2.0, "expected_batch_size": 200.0}
    assert [defaults.share_of_rate(parameters=size, **terms) for size in (100, 625, 2500, 10_000)] == [1, 1, 0.5, 0.25]
    rates = [rates_of(dataset=data(count), epochs=1)[0] for count in (160, 3000)]
    assert rates[0] < 0.3
    assert rates[1] == 1.0


def test_a_fit_that_goes_on_has_the_learning_rate_it_had(tmp_path) -> None:
    class Stopped(Exception):
        pass

    def end(progress) -> None:
        if progress.epoch == 2:
            raise Stopped

    terms = {"dataset": data(3000), "epochs": 4, "checkpoint": tmp_path / "fit.pt"}
    seen = rates_of(on_progress=end, stops=Stopped, **terms) + rates_of(**terms)
    assert seen[::16] == pytest.approx([(1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(4)])
    assert len(seen) == 4 * 16


def test_frozen_parameters_are_left_alone() -> None:
    module = network()
    module[0].requires_grad_(False)
    before = module[0].weight.clone()
    assert torch.equal(made(module=module).module[0].weight, before)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(InvalidParameter, match="unfreeze"):
        made(module=module)


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="0 units"):
        made(torch.utils.data.TensorDataset(torch.ones(0, 8), torch.ones(0).long()))
