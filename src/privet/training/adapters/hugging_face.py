"""A Trainer of Hugging Face whose training is private."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from privet.core.errors import InvalidParameter, MissingDependency
from privet.core.sealed import Release
from privet.training.adapters.pieces import Batches, Pieces
from privet.training.engine import PrivacyEngine
from privet.training.engine.module import PrivateModule
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.execution import Execution
from privet.training.per_example.watch import size_of

try:
    from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
    from transformers.trainer_utils import get_last_checkpoint
except ImportError as error:
    raise MissingDependency('this adapter needs transformers; pip install "privet[hf]"') from error

_FILE = "privet.pt"
# What a log would tell of the data.
_UNTOLD = {"loss", "grad_norm", "train_loss", "total_flos"}


class PrivateTrainer(Trainer):  # type: ignore[misc]
    """``Trainer`` with one argument more: ``privacy``, what ``make_private_with_epsilon`` or ``make_private`` is given.

    Guarantee: that of ``PrivacyEngine`` for one example of ``train_dataset``, over the epochs or steps of ``args``. The
    loss is the mean of the examples' own losses: of a language model, of each text's mean over its tokens. Losses and
    norms of training batches are functions of the data and are not logged. ``eval_dataset`` must be public.
    Units: the expected number of examples in a step is ``per_device_train_batch_size`` times
    ``gradient_accumulation_steps``; at most ``per_device_train_batch_size`` go through the model at once.
    ``trainer.engine`` knows what is spent; ``trainer.release()`` gives the weights with their receipt. A checkpoint
    holds what the plan needs to go on under the same claim, and is as private as the data.
    Errors: InvalidParameter for arguments that a plan cannot keep; BudgetRefused if the account cannot pay;
    MissingDependency without transformers.
    """

    def __init__(self, model: Any = None, args: Any = None, *, privacy: Mapping[str, Any], **further: Any) -> None:
        given = args if args is not None else TrainingArguments(output_dir="tmp_trainer")
        _refuse(given, further)
        self._expected = given.train_batch_size * given.gradient_accumulation_steps
        self._autocast = "bfloat16" if given.bf16 else None
        self._privacy = dict(privacy)
        self._resume: Path | None = None
        self._private: PrivateModule | None = None
        self._stepping: PrivateOptimizer | None = None
        self.engine = PrivacyEngine()
        super().__init__(model=model, args=_own(given), **further)
        self.add_callback(_Keeper(self))

    def train(self, resume_from_checkpoint: str | bool | None = None, **further: Any) -> Any:
        """See ``Trainer.train``; with a checkpoint the claim that it was written under goes on."""
        if self._private is not None:
            raise InvalidParameter("this trainer has trained already; make another, with a plan of its own")
        latest = resume_from_checkpoint is True
        folder = get_last_checkpoint(self.args.output_dir) if latest else resume_from_checkpoint or None
        if latest and folder is None:
            raise InvalidParameter(
                f"there is no checkpoint in {self.args.output_dir}; leave resume_from_checkpoint out"
            )
        if folder is not None:
            self._resume = Path(str(folder)) / _FILE
        done = super().train(resume_from_checkpoint=folder, **further)
        told = {name: value for name, value in done.metrics.items() if name not in _UNTOLD}
        return done._replace(training_loss=math.nan, metrics=told)

    def get_train_dataloader(self) -> Any:
        """Make everything private; the batches of the plan, one for each step."""
        plain = super().get_train_dataloader()
        loader = DataLoader(
            plain.dataset,
            batch_size=self._expected,
            collate_fn=plain.collate_fn,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
        )
        settings = {"execution": Execution(physical_batch_size=self.args.train_batch_size), **self._privacy}
        make = self.engine.make_private if "noise_multiplier" in settings else self.engine.make_private_with_epsilon
        self._private, self._stepping, private = make(
            module=self.model,
            optimizer=self.create_optimizer(),
            data_loader=loader,
            epochs=self._epochs(plain.dataset),
            resume=self._resume,
            **settings,
        )
        # What is prepared from now on steps as the plan does.
        self.optimizer = self._stepping
        return Batches(private)

    def _epochs(self, dataset: Any) -> int:
        epochs: int = math.ceil(self.args.num_train_epochs)
        if self.args.max_steps > 0:
            users = self._privacy.get("users")
            units = self._privacy.get("expected_units") or len(dataset if users is None else set(users))
            epochs = math.ceil(self.args.max_steps / math.ceil(units / self._expected))
        return epochs

    def training_step(self, model: Any, inputs: Pieces, num_items_in_batch: Any = None) -> torch.Tensor:
        """Clip every part of a batch; the step itself is the trainer's. Gives zero: what a loss would tell is private.

        ``num_items_in_batch``, by which others divide, is a number of the private batch, and is not looked at.
        """
        private, stepping = self._begun()
        private.train()
        kind = self._autocast
        for part, last in inputs:
            own = self._prepare_inputs(part)
            if size_of(dict(own)):
                with torch.autocast(self.args.device.type, dtype=torch.bfloat16, enabled=kind is not None):
                    loss = self.compute_loss(private, own)
                loss.backward()
            if not last:
                stepping.step()
        return torch.zeros((), device=self.args.device)

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted: they would tell how long the texts of a batch are."""
        return 0

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Without what training batches would tell."""
        super().log({name: value for name, value in logs.items() if name not in _UNTOLD}, *args, **kwargs)

    def release(self) -> Release[dict[str, Any]]:
        """Commit the steps that ran, and give the weights with their receipt; no step can follow."""
        private, _ = self._begun()
        return self.engine.release(private.to_standard_module())

    def _begun(self) -> tuple[PrivateModule, PrivateOptimizer]:
        if self._private is None or self._stepping is None:
            raise InvalidParameter("nothing is private yet; call train first")
        return self._private, self._stepping


class _Keeper(TrainerCallback):  # type: ignore[misc]
    """Saves the plan beside the trainer's checkpoints, and ends training when the plan ends."""

    def __init__(self, trainer: PrivateTrainer) -> None:
        self._trainer = trainer

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **further: Any) -> None:
        private, stepping = self._trainer._begun()
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self._trainer.engine.save_checkpoint(path=folder / _FILE, module=private, optimizer=stepping)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **further: Any) -> None:
        _, stepping = self._trainer._begun()
        # Steps that a crash lost are spent, so fewer may be left than the trainer has counted.
        if self._trainer.engine.steps >= stepping.plan.steps:
            control.should_training_stop = True


def _own(given: TrainingArguments) -> TrainingArguments:
    """Arguments with what the engine does itself left out: parts of a batch, clipping, precision, order of batches."""
    own = copy.copy(given)
    own.gradient_accumulation_steps, own.max_grad_norm = 1, 0.0
    own.bf16, own.mixed_precision = False, "no"
    own.ignore_data_skip = True
    return own


def _refuse(args: TrainingArguments, further: Mapping[str, Any]) -> None:
    """Errors: InvalidParameter, naming the argument."""
    wrong = {
        "fp16": (args.fp16, "use bf16, whose losses need no scaling"),
        "label_smoothing_factor": (
            args.label_smoothing_factor != 0,
            "its loss is divided by the tokens of the whole batch; set it to 0",
        ),
        "compute_loss_func": (
            further.get("compute_loss_func") is not None,
            "it may divide by numbers of the whole batch; let the model compute its loss",
        ),
        "auto_find_batch_size": (args.auto_find_batch_size, "the plan states the batch size; set it to False"),
        "include_num_input_tokens_seen": (
            args.include_num_input_tokens_seen not in (False, "no"),
            "the number of tokens is a function of the private data; leave it out",
        ),
        "world_size": (args.world_size > 1, "this trainer runs in one process; use PrivacyEngine for several"),
    }
    for name, (is_wrong, why) in wrong.items():
        if is_wrong:
            raise InvalidParameter(f"{name} cannot be used with privacy: {why}")
