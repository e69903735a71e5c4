"""A fit of Lightning is private: each example's own gradient, clipped, over the expected batch size."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning", reason='lightning is not installed; pip install "privet[lightning]"')

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from privet.core.errors import BudgetRefused, InvalidParameter  # noqa: E402
from privet.training.adapters.lightning import PrivateTraining  # noqa: E402
from privet.training.engine.module import PrivateModule  # noqa: E402
from privet.training.execution import Execution  # noqa: E402

from ..engine.loops import data, network, people  # noqa: E402
from ..per_example import reference  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
]


class Lit(lightning.LightningModule):
    def __init__(self, lr: float = 0.5) -> None:
        super().__init__()
        self.net, self.lr = network(), lr
        self.sizes: list[int] = []

    def training_step(self, batch: Any, number: int) -> torch.Tensor:
        x, y = batch
        self.sizes.append(len(x))
        return F.cross_entropy(self.net(x), y)

    def validation_step(self, batch: Any, number: int) -> None:
        x, y = batch
        self.log("right", (self.net(x).argmax(1) == y).float().mean())

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.net.parameters(), lr=self.lr)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.9)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}


def trainer(private: PrivateTraining, folder, **options: Any) -> Any:
    given = {
        "max_epochs": 1,
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": folder,
        **options,
    }
    return lightning.Trainer(callbacks=[private, *given.pop("callbacks", [])], **given)


def fitted(folder, *, lit: Lit | None = None, dataset=None, batch_size: int = 40, settings=None, **options: Any):
    lit = lit or Lit()
    private = PrivateTraining("net", **(settings or {"noise_multiplier": 1.0, "max_grad_norm": 1.0}))
    loader = private.loader(DataLoader(dataset or data(), batch_size=batch_size))
    made = trainer(private, folder, **options)
    made.fit(lit, loader, val_dataloaders=DataLoader(data(100, seed=9), batch_size=50))
    return lit, private, made


def test_a_step_is_the_clipped_sum_of_single_gradients(tmp_path) -> None:
    lit = Lit(lr=1.0)
    plain = copy.deepcopy(lit.net)
    x, y = data(8).tensors
    wanted, _ = reference.clipped_sum(copy.deepcopy(plain), x, y, clip_norm=0.1)
    fitted(
        tmp_path, lit=lit, dataset=TensorDataset(x, y), batch_size=8,
        settings={"noise_multiplier": 1e-4, "max_grad_norm": 0.1},
    )  # fmt: skip
    before = dict(plain.named_parameters())
    for name, parameter in lit.net.named_parameters():
        torch.testing.assert_close(before[name] - parameter, wanted[name] / 8, rtol=1e-3, atol=1e-5)


def test_a_fit_learns_within_its_budget_and_gives_the_plain_network_back(tmp_path) -> None:
    settings = {"target_epsilon": 3.0, "target_delta": 1e-5, "max_grad_norm": 1.0}
    lit, private, made = fitted(tmp_path, dataset=data(2000), batch_size=200, settings=settings, max_epochs=4)
    assert 2.95 < private.engine.get_epsilon(1e-5) <= 3.0
    assert private.engine.steps == 40
    assert len(set(lit.sizes)) > 5, "batches are Poisson samples"
    assert made.callback_metrics["right"] > 0.8
    assert type(lit.net) is nn.Sequential
    assert lit.lr * 0.9**4 == pytest.approx(made.lr_scheduler_configs[0].scheduler.get_last_lr()[0])
    assert private.release().receipt.epsilon <= 3.0


def test_what_an_account_cannot_pay_for_is_refused_before_training(tmp_path) -> None:
    account = people(epsilon=0.5)
    lit = Lit()
    settings = {"target_epsilon": 1.0, "target_delta": 1e-6, "max_grad_norm": 1.0, "account": account}
    with pytest.raises(BudgetRefused, match="does not fit"):
        fitted(tmp_path, lit=lit, settings=settings)
    assert account.history() == []
    assert lit.sizes == []
    assert type(lit.net) is nn.Sequential


class _Stop(lightning.pytorch.Callback):
    def on_train_epoch_end(self, trainer, pl_module) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("the machine is gone")


def test_a_checkpoint_goes_on_under_the_same_claim_and_holds_a_plain_network(tmp_path) -> None:
    account = people(epsilon=3)
    settings = {"target_epsilon": 2.0, "target_delta": 1e-6, "max_grad_norm": 1.0, "account": account}
    keeper = lightning.pytorch.callbacks.ModelCheckpoint(dirpath=tmp_path, filename="{epoch}", save_top_k=-1)
    options = {"max_epochs": 3, "enable_checkpointing": True}
    lit = Lit()
    with pytest.raises(RuntimeError, match="gone"):
        fitted(tmp_path, lit=lit, settings=settings, callbacks=[keeper, _Stop()], **options)
    assert not isinstance(lit.net, PrivateModule)
    (saved,) = tmp_path.glob("epoch=0*.ckpt")
    weights = torch.load(saved, weights_only=False)["state_dict"]
    Lit().load_state_dict(weights)

    again = PrivateTraining("net", **settings)
    loader = again.loader(DataLoader(data(), batch_size=40))
    other = Lit()
    trainer(again, tmp_path, max_epochs=3).fit(other, loader, ckpt_path=str(saved), weights_only=False)
    assert len(account.history()) == 1
    assert again.engine.steps == 30
    assert again.release().receipt.claim == account.history()[0].id


def test_trainers_that_a_plan_cannot_follow_are_refused(tmp_path) -> None:
    for options, words in (
        ({"accumulate_grad_batches": 2}, "paid for one batch"),
        ({"gradient_clip_val": 1.0}, "clips each example"),
        ({"max_epochs": -1}, "must have an end"),
    ):
        with pytest.raises(InvalidParameter, match=words):
            fitted(tmp_path, **options)
    with pytest.raises(InvalidParameter, match="how many parts"):
        PrivateTraining("net", execution=Execution(physical_batch_size=7))
    private = PrivateTraining("net", noise_multiplier=1.0, max_grad_norm=1.0)
    with pytest.raises(InvalidParameter, match="no loader was made private"):
        trainer(private, tmp_path).fit(Lit(), DataLoader(data(), batch_size=40))
    with pytest.raises(InvalidParameter, match="fit first"):
        private.release()
