"""A callback of Lightning that makes a fit private."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from privet.core.errors import InvalidParameter, MissingDependency
from privet.core.sealed import Release
from privet.training.engine import PrivacyEngine
from privet.training.engine.loader import PrivateLoader
from privet.training.engine.module import PrivateModule

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise MissingDependency('this adapter needs lightning; pip install "privet[lightning]"') from error


class PrivateTraining(Callback):  # type: ignore[misc]
    """Makes the network in one attribute of a LightningModule, its optimizer and its loader private for a fit.

    ``module`` is the attribute's name; all that is trained must be in it, and ``training_step`` must call it on the
    batch. ``settings`` are those of ``make_private_with_epsilon`` or ``make_private`` but for module, optimizer, loader
    and epochs. Give ``trainer.fit`` the loader that ``loader`` makes. After the fit the attribute is the plain network.
    Guarantee: that of ``PrivacyEngine`` for one example of the loader's data set, over ``max_epochs`` or ``max_steps``.
    What ``training_step`` logs is a function of the data, and is the user's to answer for. A checkpoint holds what the
    plan needs to go on under the same claim, and is as private as the data.
    Errors: InvalidParameter for a trainer that a plan cannot follow; BudgetRefused if the account cannot pay;
    MissingDependency without lightning.
    """

    def __init__(self, module: str, **settings: Any) -> None:
        knobs = settings.get("execution")
        if knobs is not None and knobs.physical_batch_size is not None:
            raise InvalidParameter(
                "physical_batch_size cannot be used here, because the trainer counts batches, and how many parts they "
                "come in is private; leave it out, or train in a loop of your own"
            )
        self._name, self._settings = module, settings
        self._loader: _Loader | None = None
        self._private: PrivateModule | None = None
        self._optimizer: Any = None
        self._saved: io.BytesIO | None = None
        self.engine = PrivacyEngine()

    def loader(self, plain: DataLoader[Any]) -> Any:
        """The loader to train on; its batches are those of the plan once the fit has begun."""
        self._loader = _Loader(plain)
        return self._loader

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._loader is None:
            raise InvalidParameter(
                "no loader was made private; give trainer.fit what loader(...) of this callback made"
            )
        _refuse(trainer)
        make: Any = self.engine.make_private_with_epsilon
        if "noise_multiplier" in self._settings:
            make = self.engine.make_private
        self._private, self._optimizer, self._loader.private = make(
            module=getattr(pl_module, self._name),
            optimizer=_only(trainer.strategy.optimizers),
            data_loader=self._loader.plain,
            epochs=self._epochs(trainer),
            resume=self._saved,
            **self._settings,
        )
        setattr(pl_module, self._name, self._private)
        trainer.strategy.optimizers = [self._optimizer]

    def _epochs(self, trainer: Trainer) -> int:
        epochs: int = trainer.max_epochs
        if trainer.max_steps > 0 and self._loader is not None:
            epochs = math.ceil(trainer.max_steps / len(self._loader.plain))
        return epochs

    def on_train_batch_end(self, trainer: Trainer, *further: Any) -> None:
        # Steps that a crash lost are spent, so fewer may be left than the trainer has counted.
        if self.engine.steps >= self._optimizer.plan.steps:
            trainer.should_stop = True

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._put_back(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._put_back(pl_module)

    def _put_back(self, pl_module: LightningModule) -> None:
        if self._private is not None and getattr(pl_module, self._name) is self._private:
            setattr(pl_module, self._name, self._private.to_standard_module())

    def release(self) -> Release[dict[str, Any]]:
        """Commit the steps that ran, and give the network's weights with their receipt; no step can follow."""
        if self._private is None:
            raise InvalidParameter("nothing is private yet; call trainer.fit first")
        return self.engine.release(self._private)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of the plan."""
        if self._private is None:
            return {}
        written = io.BytesIO()
        self.engine.save_checkpoint(path=written, module=self._private, optimizer=self._optimizer)
        return {"plan": torch.frombuffer(bytearray(written.getvalue()), dtype=torch.uint8)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on under the claim of the checkpoint when the fit begins."""
        if "plan" in state_dict:
            self._saved = io.BytesIO(state_dict["plan"].numpy().tobytes())


class _Loader:
    """Stands for the private loader until there is one."""

    def __init__(self, plain: DataLoader[Any]) -> None:
        self.plain = plain
        self.private: PrivateLoader | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())

    def _made(self) -> PrivateLoader:
        if self.private is None:
            raise InvalidParameter(
                "this loader is made private by the callback that made it; give the trainer that one"
            )
        return self.private


def _only(optimizers: list[torch.optim.Optimizer]) -> torch.optim.Optimizer:
    if len(optimizers) != 1:
        raise InvalidParameter(f"configure_optimizers gave {len(optimizers)} optimizers; give one")
    return optimizers[0]


def _refuse(trainer: Trainer) -> None:
    """Errors: InvalidParameter, naming the trainer's argument."""
    wrong = {
        "accumulate_grad_batches": (
            trainer.accumulate_grad_batches != 1,
            "a step is paid for one batch; make the loader's batch size larger",
        ),
        "gradient_clip_val": (trainer.gradient_clip_val is not None, "max_grad_norm clips each example; leave it out"),
        "precision": (str(trainer.precision) == "16-mixed", 'use "bf16-mixed", whose losses need no scaling'),
        "devices": (trainer.world_size > 1, "this callback works in one process; use PrivacyEngine for several"),
        "max_epochs": (
            trainer.max_steps <= 0 and (trainer.max_epochs or 0) < 1,
            "the plan must have an end; give max_epochs or max_steps",
        ),
    }
    for name, (is_wrong, why) in wrong.items():
        if is_wrong:
            raise InvalidParameter(f"{name} of the trainer cannot be used with privacy: {why}")
