"""``fit`` keeps its budget, ends early, and goes on after Ctrl-C."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from privet.core.errors import BudgetRefused, InvalidParameter  # noqa: E402
from privet.core.neighbours import PrivacyUnit, Relation  # noqa: E402
from privet.ledger import Ledger  # noqa: E402
from privet.training.execution import Execution  # noqa: E402
from privet.training.fitting import fit  # noqa: E402

from .engine.loops import data, network, people  # noqa: E402


def fitted(module=None, dataset=None, **settings):
    module = module or network()
    given = {
        "criterion": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.SGD(module.parameters(), lr=0.5),
        "batch_size": 100,
        "epochs": 4,
        "max_grad_norm": 1.0,
        "epsilon": 2.0,
        "delta": 1e-5,
        **settings,
    }
    return fit(module, dataset or data(2000), **given)


def accuracy(module: nn.Module) -> dict[str, float]:
    x, y = data(1000, seed=9).tensors
    with torch.no_grad():
        return {"accuracy": float((module(x).argmax(1) == y).float().mean())}


def test_a_budget_and_a_data_set_are_enough() -> None:
    seen = []
    made = fitted(evaluate=accuracy, on_progress=seen.append)
    assert [one.epoch for one in seen] == [1, 2, 3, 4]
    assert [one.steps for one in seen] == [20, 40, 60, 80]
    assert seen[0].epsilon < seen[-1].epsilon <= 2.0
    assert seen[-1].epsilon > 1.98
    assert seen[-1].evaluation["accuracy"] > 0.85
    assert made.release.receipt.epsilon <= 2.0
    assert set(made.release.value) == set(made.module.state_dict())
    assert not made.module.training


def test_an_early_end_gives_the_release_of_what_ran() -> None:
    account = people(epsilon=2)
    made = fitted(account=account, delta=2e-6, epsilon=1.0, stop=lambda progress: progress.epoch == 2)
    assert len(made.history) == 2
    assert made.release.receipt.claim == account.history()[0].id
    assert str(account.history()[0].state) == "committed"


def test_more_than_the_account_has_is_refused_before_anything() -> None:
    account = people(epsilon=0.5)
    with pytest.raises(BudgetRefused):
        fitted(account=account, epsilon=1.0, delta=2e-6)
    assert account.history() == []


def test_ctrl_c_saves_and_the_same_call_goes_on_under_the_same_claim(tmp_path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/book.db") as ledger:
        ledger.create_account(
            "people", unit=PrivacyUnit("patient"), relation=Relation.ZERO_OUT, epsilon=1.2, delta="1e-5"
        )

    class Interrupted(TensorDataset):
        left = 900

        def __getitem__(self, index):
            Interrupted.left -= 1
            if Interrupted.left == 0:
                raise KeyboardInterrupt
            return super().__getitem__(index)

        __getitems__ = None

    terms = {"checkpoint": tmp_path / "fit.pt", "epochs": 3, "epsilon": 1.0, "delta": 1e-6, "batch_size": 40}
    with Ledger.open(f"sqlite:///{tmp_path}/book.db") as ledger, pytest.raises(KeyboardInterrupt):
        fitted(dataset=Interrupted(*data().tensors), account=ledger.account("people"), **terms)
    with Ledger.open(f"sqlite:///{tmp_path}/book.db") as ledger:
        account = ledger.account("people")
        (claim,) = account.history()
        assert str(claim.state) == "reserved"
        made = fitted(dataset=data(), account=account, **terms)
        assert made.history[-1].steps == 30
        assert made.release.receipt.claim == claim.id
        assert account.spent().epsilon <= 1.2


def test_knobs_change_nothing_that_is_paid() -> None:
    plain = fitted(epochs=1)
    small = fitted(epochs=1, execution=Execution(physical_batch_size=16, autocast="bfloat16", memory=0))
    assert small.release.receipt.event == plain.release.receipt.event
    assert small.history[0].epsilon == plain.history[0].epsilon


def test_learning_rates_follow_a_scheduler() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    fitted(module, optimizer=optimizer, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * 0.5**4)


def test_batches_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="pair"):
        fitted(dataset=TensorDataset(*data().tensors, torch.arange(400)))


def test_settings_with_typing_mistakes_are_refused() -> None:
    with pytest.raises(TypeError, match="acount"):
        fitted(acount=people())
