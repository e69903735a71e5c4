"""Training without a loop of one's own: a module, a data set and a budget in, a release with its receipt out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map
from torch.utils.data import DataLoader, Dataset

from privet.core.errors import InvalidParameter
from privet.core.sealed import Release
from privet.training import defaults
from privet.training.averaging import WeightAverage
from privet.training.engine.engine import PrivacyEngine
from privet.training.engine.module import PrivateModule
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.execution import Execution

Evaluate = Callable[[nn.Module], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training is. Nothing in it tells of the data but what ``evaluate`` did on data of its own."""

    epoch: int
    epochs: int
    steps: int
    epsilon: float
    seconds: float
    evaluation: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The trained ``module``, its ``release`` with receipt, and the ``history`` of epochs.

    With several processes, which all call ``fit``, the release is None in all but the first.
    """

    module: nn.Module
    release: Release[dict[str, Any]]
    history: tuple[Progress, ...]


def fit(
    module: nn.Module,
    dataset: Dataset[Any],
    *,
    criterion: nn.Module,
    epsilon: float,
    epochs: int,
    optimizer: torch.optim.Optimizer | None = None,
    batch_size: int | None = None,
    max_grad_norm: float | None = None,
    delta: float | None = None,
    evaluate: Evaluate | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[Progress], bool] | None = None,
    checkpoint: str | Path | None = None,
    execution: Execution | None = None,
    scheduler: Any = None,
    average: WeightAverage | None = None,
    **settings: Any,
) -> Fitted:
    """Train ``module`` for ``epochs`` with the least noise that keeps (``epsilon``, ``delta``).

    Guarantee: that of ``PrivacyEngine.make_private_with_epsilon``, which takes the further ``settings`` (``account``,
    ``users``, ``expected_units``, ``sampling``, ``clipping``, ``noise``). Training losses are functions of the data and
    are not shown.
    ``evaluate`` is given the module after each epoch and must look at public data only, as must ``stop``, which ends
    training early: steps that did not run are given back to the account where its filter can. With ``checkpoint`` the
    loop is saved after each epoch and on Ctrl-C, and goes on from the file if it is there. ``average`` of the module's
    weights, one of ``privet.training.averaging``, takes them in after each step and is what is evaluated and released;
    ``scheduler`` steps after each epoch.
    What is left out follows rules of public numbers: see ``privet.training.defaults``. Without ``optimizer`` the
    learning rate falls to nothing over the ``epochs``; without ``max_grad_norm`` gradients are normalised.
    Errors: InvalidParameter; BudgetRefused if the account cannot pay.

    >>> from torch.utils.data import TensorDataset
    >>> data = TensorDataset(torch.arange(600.0).sin().view(200, 3), torch.arange(200) % 2)
    >>> module = nn.Linear(3, 2)
    >>> fitted = fit(module, data, criterion=nn.CrossEntropyLoss(), epsilon=1.0, epochs=2)
    >>> fitted.release.receipt.epsilon <= 1.0
    True
    >>> fitted = fit(module, data, criterion=nn.CrossEntropyLoss(), epochs=2, batch_size=50, max_grad_norm=1.0,
    ...              optimizer=torch.optim.SGD(module.parameters(), lr=0.1), epsilon=1.0, delta=1e-5)
    >>> [(epoch.steps, epoch.epsilon <= 1.0) for epoch in fitted.history]
    [(4, True), (8, True)]
    """
    knobs = execution or Execution()
    device = _device(knobs.device, module)
    module.to(device)
    saved = Path(checkpoint) if checkpoint is not None else None
    public = {name: settings.get(name) for name in ("users", "expected_units")}
    units = defaults.units_in(len(dataset), **public)
    delta = defaults.delta_for(units) if delta is None else delta
    own = optimizer is None
    if optimizer is None:
        optimizer = defaults.optimizer_for(module)
    if max_grad_norm is None:
        settings = {"clipping": defaults.CLIPPING, **settings}
    engine = PrivacyEngine()
    model, stepping, loss, loader = engine.make_private_with_epsilon(
        module=module,
        optimizer=optimizer,
        data_loader=DataLoader(dataset, batch_size=batch_size or defaults.batch_size_for(units)),
        target_epsilon=epsilon,
        target_delta=delta,
        epochs=epochs,
        max_grad_norm=defaults.CLIP_NORM if max_grad_norm is None else max_grad_norm,
        criterion=criterion,
        execution=knobs,
        resume=saved if saved is not None and saved.exists() else None,
        **settings,
    )
    if own and scheduler is None:
        scheduler = _own_scheduler(stepping, epochs=epochs)
    work = _Work(engine, model, stepping, loss, loader, device, knobs, average, scheduler)
    work.restore((engine.resumed or {}).get("fit", {}))
    history: list[Progress] = []
    per_epoch = len(loader)
    try:
        while engine.steps < epochs * per_epoch:
            begun = time.perf_counter()
            work.epoch(min(per_epoch, epochs * per_epoch - engine.steps))
            if scheduler is not None:
                scheduler.step()
            history.append(
                Progress(
                    epoch=-(-engine.steps // per_epoch),
                    epochs=epochs,
                    steps=engine.steps,
                    epsilon=engine.get_epsilon(delta),
                    seconds=time.perf_counter() - begun,
                    evaluation=dict(evaluate(work.evaluated())) if evaluate is not None else {},
                )
            )
            work.save(saved)
            if on_progress is not None:
                on_progress(history[-1])
            if stop is not None and stop(history[-1]):
                break
    except KeyboardInterrupt:
        if engine.alone:
            # Other processes may be anywhere; theirs is the file of the last epoch.
            work.save(saved)
        raise
    model.to_standard_module()
    made = work.evaluated()
    return Fitted(made, engine.release(made), tuple(history))


@dataclass(slots=True)
class _Work:
    engine: PrivacyEngine
    model: PrivateModule
    optimizer: PrivateOptimizer
    criterion: nn.Module
    loader: DataLoader[Any]
    device: torch.device
    knobs: Execution
    average: WeightAverage | None
    scheduler: Any

    def epoch(self, steps: int) -> None:
        self.model.train()
        end = self.engine.steps + steps
        for batch in self.loader:
            before = self.engine.steps
            self._step(batch)
            if self.average is not None and self.engine.steps > before:
                self.average.update()
            if self.engine.steps >= end:
                break

    def _step(self, batch: Any) -> None:
        x, y = _pair(tree_map(self._moved, batch))
        if isinstance(x, Tensor) and self.optimizer.run(x, lambda out: self.criterion.slope(out, y)):
            return
        self.optimizer.zero_grad()
        kind = self.knobs.autocast
        with torch.autocast(self.device.type, dtype=getattr(torch, kind or "bfloat16"), enabled=kind is not None):
            loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()

    def _moved(self, leaf: Any) -> Any:
        return leaf.to(self.device, non_blocking=True) if isinstance(leaf, Tensor) else leaf

    def evaluated(self) -> nn.Module:
        """The plain module as it would be released, in eval mode."""
        plain: nn.Module = self.model.wrapped
        if self.average is not None:
            plain = self.average.averaged()
        return plain.eval()

    def save(self, path: Path | None) -> None:
        if path is not None:
            states = {name: part.state_dict() for name, part in self._parts().items()}
            self.engine.save_checkpoint(
                path=path, module=self.model, optimizer=self.optimizer, checkpoint_dict={"fit": states}
            )

    def restore(self, saved: dict[str, Any]) -> None:
        """What the engine does not know of; it has taken up the rest already."""
        for name, part in self._parts().items():
            if name in saved:
                part.load_state_dict(saved[name])
        if self.scheduler is not None and "scheduler" in saved and hasattr(self.scheduler, "get_last_lr"):
            # A scheduler that was made after the optimizer's state was taken up has set the first rate again.
            for group, rate in zip(self.optimizer.param_groups, self.scheduler.get_last_lr(), strict=True):
                group["lr"] = rate

    def _parts(self) -> dict[str, Any]:
        found = {"average": self.average, "scheduler": self.scheduler}
        return {name: part for name, part in found.items() if part is not None}


def _device(wanted: str | None, module: nn.Module) -> torch.device:
    """Where to train."""
    if wanted == "auto" and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device(wanted) if wanted not in (None, "auto") else next(module.parameters()).device


def _own_scheduler(optimizer: PrivateOptimizer, *, epochs: int) -> Any:
    """The default one, which knows the noise that the plan has found."""
    plain = optimizer.original_optimizer
    share = defaults.share_of_rate(
        noise_multiplier=optimizer.noise_multiplier,
        expected_batch_size=optimizer.expected_batch_size,
        parameters=sum(parameter.numel() for group in plain.param_groups for parameter in group["params"]),
    )
    return defaults.scheduler_for(plain, epochs=epochs, share=share)


def _pair(batch: Any) -> tuple[Any, Any]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise InvalidParameter("a batch must be a pair of inputs and targets; wrap the data set so that it gives such")
    return batch[0], batch[1]
