"""A loop that stops goes on under the same claim, and never with noise that was drawn before."""

from __future__ import annotations

import stat

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from privet.core.errors import BudgetRefused, InvalidParameter, PermitError  # noqa: E402
from privet.core.neighbours import PrivacyUnit, Relation  # noqa: E402
from privet.ledger import Ledger  # noqa: E402
from privet.training import PrivacyEngine, schedulers  # noqa: E402
from privet.training.clipping import AdaptiveClipping  # noqa: E402
from privet.training.sampling import BallsInBins, ShuffledBatches  # noqa: E402

from .loops import epoch, network, private  # noqa: E402


def book(tmp_path, **terms):
    given = {"unit": PrivacyUnit("patient"), "relation": Relation.ZERO_OUT, "epsilon": 3, "delta": "1e-5", **terms}
    with Ledger.open(f"sqlite:///{tmp_path}/book.db") as ledger:
        ledger.create_account("people", **given)
    return f"sqlite:///{tmp_path}/book.db"


def some_steps(count, model, optimizer, loader) -> None:
    for left, (x, y) in zip(range(count, 0, -1), loader, strict=False):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if left == 1:
            break


def test_without_an_account_what_was_done_is_counted(tmp_path) -> None:
    path = tmp_path / "loop.pt"
    engine, model, optimizer, loader = private(clipping=AdaptiveClipping(1.0, count_noise=2.0))
    epoch(model, optimizer, loader)
    engine.save_checkpoint(path=path, module=model, optimizer=optimizer, checkpoint_dict={"mine": 7})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other, again, stepping, batches = private(clipping=AdaptiveClipping(1.0, count_noise=2.0))
    saved = other.load_checkpoint(path=path, module=again, optimizer=stepping)
    assert saved["mine"] == 7
    assert other.steps == 10
    assert other.get_epsilon(1e-5) == pytest.approx(engine.get_epsilon(1e-5))
    assert stepping.max_grad_norm == optimizer.max_grad_norm != 1.0
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    epoch(again, stepping, batches)
    epoch(model, optimizer, loader)
    assert other.get_epsilon(1e-5) == pytest.approx(engine.get_epsilon(1e-5))


def test_momentum_and_schedulers_come_back(tmp_path) -> None:
    made = []
    for _ in range(2):
        module, engine = network(), PrivacyEngine()
        from torch.utils.data import DataLoader

        from .loops import data

        made.append(
            (
                engine,
                *engine.make_private(
                    module=module,
                    optimizer=torch.optim.Adam(module.parameters()),
                    data_loader=DataLoader(data(), batch_size=40),
                    noise_multiplier=1.0,
                    max_grad_norm=1.0,
                ),
            )
        )
    engine, model, optimizer, loader = made[0]
    scheduler = schedulers.ExponentialGradClip(optimizer, gamma=0.5)
    epoch(model, optimizer, loader)
    scheduler.step()
    engine.save_checkpoint(path=tmp_path / "a", module=model, optimizer=optimizer, grad_clip_scheduler=scheduler)
    engine, again, stepping, _ = made[1]
    other = schedulers.ExponentialGradClip(stepping, gamma=0.5)
    engine.load_checkpoint(path=tmp_path / "a", module=again, optimizer=stepping, grad_clip_scheduler=other)
    assert stepping.max_grad_norm == 0.5
    first, second = (one.original_optimizer.state_dict()["state"][0]["exp_avg"] for one in (optimizer, stepping))
    assert torch.equal(first, second)


def test_a_claim_is_resumed_and_lost_steps_stay_spent(tmp_path) -> None:
    url, path = book(tmp_path), tmp_path / "loop.pt"
    with Ledger.open(url) as ledger:
        engine, model, optimizer, loader = private(sigma=2.0, epochs=10, account=ledger.account("people"))
        some_steps(20, model, optimizer, loader)
        some_steps(3, model, optimizer, loader)
        engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
        saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        # These are lost: the process dies before it saves again.
        some_steps(5, model, optimizer, loader)
        done = engine.steps
    with Ledger.open(url) as ledger:
        account = ledger.account("people")
        with pytest.raises(BudgetRefused):
            # There is no room for a second plan, and none is needed.
            private(sigma=0.7, epochs=10, account=account)
        engine, model, optimizer, loader = private(sigma=2.0, epochs=10, account=account, resume=path)
        assert len(account.history()) == 1
        assert engine.steps >= done
        for name, tensor in saved.items():
            assert torch.equal(model.state_dict()[name], tensor)
        with pytest.raises(PermitError, match="all 100 steps"):
            for _ in range(20):
                epoch(model, optimizer, loader)
        released = engine.release(model)
        assert account.history()[0].state.value == "committed"
        assert released.receipt.claim == account.history()[0].id


@pytest.mark.parametrize("kind", ["shuffled", "balls in bins"])
def test_where_units_are_dealt_for_an_epoch_nobody_takes_part_in_lost_steps_again(tmp_path, kind: str) -> None:
    url, path = book(tmp_path), tmp_path / "loop.pt"
    sampling = {
        "shuffled": ShuffledBatches(units=400, batch_size=40),
        "balls in bins": BallsInBins(steps_per_epoch=10, expected_batch_size=40),
    }[kind]
    dataset = TensorDataset(torch.arange(400.0)[:, None].expand(400, 8).contiguous(), torch.zeros(400).long())
    settings = {"sigma": 4.0, "epochs": 1, "sampling": sampling, "dataset": dataset}

    def train(count, model, optimizer, loader) -> list[int]:
        seen: list[int] = []
        for number, (x, y) in enumerate(loader, 1):
            seen += x[:, 0].int().tolist()
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            if number == count:
                break
        return seen

    with Ledger.open(url) as ledger:
        engine, model, optimizer, loader = private(account=ledger.account("people"), **settings)
        seen = train(3, model, optimizer, loader)
        engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
        seen += train(2, model, optimizer, loader)
    with Ledger.open(url) as ledger:
        engine, model, optimizer, loader = private(account=ledger.account("people"), resume=path, **settings)
        left = 10 - engine.steps
        assert 1 <= left <= 5
        seen += train(left, model, optimizer, loader)
        engine.release(model)
    assert len(set(seen)) == len(seen)
    assert kind != "shuffled" or left < 5 or len(seen) == 400


def test_noise_after_a_resumption_is_fresh(tmp_path) -> None:
    url, path = book(tmp_path), tmp_path / "loop.pt"
    drawn = []
    with Ledger.open(url) as ledger:
        engine, model, optimizer, _ = private(
            sigma=2.0, epochs=10, account=ledger.account("people"), module=nn.Linear(8, 2), lr=0.0
        )
        engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
        optimizer.step()
        drawn.append(model.wrapped.weight.grad.clone())
    with Ledger.open(url) as ledger:
        _, model, optimizer, _ = private(
            sigma=2.0, epochs=10, account=ledger.account("people"), module=nn.Linear(8, 2), lr=0.0, resume=path
        )
        optimizer.step()
        drawn.append(model.wrapped.weight.grad.clone())
    assert not torch.isclose(drawn[0], drawn[1]).any()


def test_another_plan_another_claim_and_broken_files_are_refused(tmp_path) -> None:
    url, path = book(tmp_path), tmp_path / "loop.pt"
    engine, model, optimizer, _ = private()
    engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
    with pytest.raises(InvalidParameter, match="another plan"):
        private(sigma=1.5, resume=path)
    (tmp_path / "half").write_bytes(path.read_bytes()[:500])
    for bad, words in ((tmp_path / "half", "not a whole"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(InvalidParameter, match=words):
            private(resume=bad)
    torch.save({"a": 1}, tmp_path / "other")
    with pytest.raises(InvalidParameter, match="this version"):
        private(resume=tmp_path / "other")
    with Ledger.open(url) as ledger:
        engine, model, optimizer, _ = private(sigma=2.0, epochs=1, account=ledger.account("people"))
        engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
    with Ledger.open(book(tmp_path.joinpath("b")) if tmp_path.joinpath("b").mkdir() is None else url) as ledger:
        engine, model, optimizer, _ = private(sigma=2.0, epochs=1, account=ledger.account("people"))
        with pytest.raises(InvalidParameter, match="resume=path"):
            engine.load_checkpoint(path=path, module=model, optimizer=optimizer)
    with pytest.raises(InvalidParameter, match="make_private first"):
        PrivacyEngine().save_checkpoint(path=path, module=network())


def test_a_crash_while_saving_keeps_the_old_file(tmp_path, monkeypatch) -> None:
    engine, model, optimizer, _ = private()
    path = tmp_path / "loop.pt"
    engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        engine.save_checkpoint(path=path, module=model, optimizer=optimizer)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["loop.pt"]
