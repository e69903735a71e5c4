"""``PrivacyEngine``: a training loop becomes private by one changed import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from privet.accounting import calibrate_noise
from privet.accounting.price import price
from privet.core.errors import InvalidParameter
from privet.core.guarantees import ApproxDP
from privet.core.neighbours import Relation
from privet.core.sealed import Release
from privet.ledger import Account, Composition
from privet.training.clipping import Clipping
from privet.training.distributed.data_parallel import unwrapped
from privet.training.engine import checkpoint
from privet.training.engine.criterion import PrivateCriterion
from privet.training.engine.loader import PlannedBatches, private_loader
from privet.training.engine.module import PrivateModule
from privet.training.engine.opacus_names import adaptive_options, criterion_wanted, refuse_old
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.engine.paying import opening, own_account, terms_of
from privet.training.engine.processes import OneProcess, Processes, Proposal, processes_for
from privet.training.engine.settings import Settings, batch_size, members
from privet.training.engine.steps import Steps
from privet.training.engine.trained import refuse_optimizer, trained
from privet.training.execution import Execution
from privet.training.noise_law import IndependentNoise, NoiseLaw
from privet.training.per_example.owners import UnsupportedModule
from privet.training.sampling import Sampling
from privet.training.schedules import Schedule
from privet.training.training_plan import TrainingPlan
from privet.training.validators import ModuleValidator


class PrivacyEngine:
    """Makes module, optimizer and loader private; the training loop stays the user's own.

    Guarantee: that of ``TrainingPlan`` for one example of the loader's data set, or for all examples of one user.
    Without ``expected_units`` the size of the data set is public and one unit may be replaced by an empty one
    (zero-out); with it units come and go (add-or-remove) and the true size stays private. The holder of the data is
    trusted. With ``account`` the whole plan is one claim, reserved before the first batch; ``epochs`` must then be
    given. ``accountant`` and ``secure_mode`` are taken for the sake of older loops: prices are always the tightest that
    are known, and noise always cryptographic.

    >>> from torch.utils.data import TensorDataset
    >>> data = TensorDataset(torch.arange(192.0).sin().view(64, 3), torch.arange(64) % 2)
    >>> model = nn.Linear(3, 2)
    >>> engine = PrivacyEngine()
    >>> model, optimizer, loader = engine.make_private(
    ...     module=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
    ...     data_loader=DataLoader(data, batch_size=16), noise_multiplier=1.0, max_grad_norm=1.0)
    >>> for x, y in loader:
    ...     optimizer.zero_grad()
    ...     nn.functional.cross_entropy(model(x), y).backward()
    ...     optimizer.step()
    >>> engine.steps, engine.get_epsilon(delta=1e-5) > 1
    (4, True)
    """

    def __init__(self, *, accountant: str | None = None, secure_mode: bool = True) -> None:
        self._steps: Steps | None = None
        self._optimizer: PrivateOptimizer | None = None
        self._batches: PlannedBatches | None = None
        self._account: Account | None = None
        self._processes: Processes = OneProcess()
        # The checkpoint that the loop went on from, the same in all processes.
        self.resumed: dict[str, Any] | None = None

    def make_private(
        self,
        *,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        data_loader: DataLoader[Any],
        noise_multiplier: float | Schedule | NoiseLaw,
        max_grad_norm: float | Sequence[float],
        criterion: nn.Module | None = None,
        epochs: int | None = None,
        expected_units: int | None = None,
        relation: Relation | None = None,
        users: Sequence[Any] | None = None,
        account: Account | None = None,
        delta: float | None = None,
        loss_reduction: str = "mean",
        poisson_sampling: bool = True,
        sampling: Sampling | None = None,
        clipping: str | Clipping = "flat",
        noise_generator: None = None,
        execution: Execution | None = None,
        resume: str | Path | IO[bytes] | None = None,
        grad_sample_mode: str | None = None,
        batch_first: bool = True,
        wrap_model: bool = True,
        rand_on_empty: bool = False,
        **adaptive: float,
    ) -> Any:
        """Give back module, optimizer and loader in their private forms; the criterion before the loader, if given.

        ``max_grad_norm`` is the clip norm of one unit's gradient; the noise's standard deviation is
        ``noise_multiplier`` times it. The loader's batch size is the expected one, in users where ``users`` names the
        user of every example: all examples of a user count as one. The loss must be a plain mean or sum of single
        examples' losses (``loss_reduction``): one that is divided by a weight or a count of tokens of the whole batch
        lets one example change the gradients of all; ``criterion`` is made into one that cannot. ``resume`` goes on
        from a checkpoint under the same claim. ``grad_sample_mode`` is taken for the sake of older loops: there is one
        way, and it is exact; where it is stated, the criterion is given back in the ghost modes and in no other.
        ``adaptive`` are Opacus' options of clipping="adaptive".
        In a process group of several all processes make this call, the first with ``account``, and train as one; the
        batch size is that of all together (with a ``DistributedSampler``, that of each).
        Errors: UnsupportedModule; InvalidParameter; BudgetRefused if ``account`` cannot pay for the plan.
        """
        criterion = criterion_wanted(grad_sample_mode, criterion, reduction=loss_reduction)
        knobs = execution or Execution()
        processes = processes_for(module, alone=knobs.alone)
        spec, own = processes.told("the account", lambda: terms_of(account, own=self._account))
        settings = Settings(
            noise=noise_multiplier,
            max_grad_norm=max_grad_norm,
            clipping=clipping,
            sampling=sampling,
            poisson_sampling=poisson_sampling,
            epochs=epochs,
            expected_units=expected_units,
            relation=relation,
            users=None,
            account=spec,
            adaptive=adaptive_options(adaptive, clipping=clipping),
        )

        def propose() -> Proposal:
            if self._steps is not None:
                raise InvalidParameter("this engine has made a loop private already; make another engine")
            refuse_old(
                noise_generator=noise_generator,
                batch_first=batch_first,
                wrap_model=wrap_model,
                rand_on_empty=rand_on_empty,
            )
            belonging = members(data_loader, users)
            plan = replace(settings, users=belonging).plan(data_loader)
            private = _watched(module, processes, knobs, loss_reduction=loss_reduction)
            stepping = PrivateOptimizer(
                optimizer, module=private, plan=plan, loss_reduction=loss_reduction, placed=processes.gradients
            )
            paying = spec if account is None else account.spec
            return Proposal(private, stepping, belonging, len(data_loader.dataset), loss_reduction, paying)

        # Whatever can be wrong is found before anything is claimed.
        found = processes.agreed(propose)
        private, stepping, plan = found.module, found.optimizer, found.optimizer.plan
        saved = processes.told("the checkpoint", lambda: None if resume is None else checkpoint.read(resume))
        claim = saved["claim"] if saved is not None and not own else None
        open_run = processes.opening(lambda: opening(plan, data_loader, account, delta=delta, claim=claim))
        steps = Steps(open_run, plan, own=own, endless=own and epochs is None)
        batches = PlannedBatches(
            lambda: plan.sampling.batches(steps.key(), count=len(found.users or data_loader.dataset)),
            steps_per_epoch=plan.sampling.steps_per_epoch,
            members=found.users,
            share=processes.share(),
        )
        batches.most = knobs.physical_batch_size
        stepping.begin(steps)
        self._steps, self._optimizer, self._batches, self._processes = steps, stepping, batches, processes
        self.resumed = saved
        if saved is not None:
            self._restore(saved, module=private, optimizer=stepping)
        loader = private_loader(data_loader, batches, watch=private.watch)
        if criterion is None:
            return private, stepping, loader
        return private, stepping, PrivateCriterion(criterion, reduction=loss_reduction), loader

    def make_private_with_epsilon(
        self,
        *,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        data_loader: DataLoader[Any],
        target_epsilon: float,
        target_delta: float,
        epochs: int,
        max_grad_norm: float | Sequence[float],
        noise: Any = IndependentNoise,
        **settings: Any,
    ) -> Any:
        """As ``make_private``, with the least noise that keeps the target over so many epochs.

        ``noise`` makes the noise of a multiplier: fresh in every step unless told otherwise.
        """
        knobs, account = settings.get("execution") or Execution(), settings.get("account")

        def plan_with(multiplier: float) -> TrainingPlan:
            # No kind of clipping changes the price.
            return Settings(
                noise=noise(multiplier),
                max_grad_norm=1.0,
                clipping="flat",
                sampling=settings.get("sampling"),
                poisson_sampling=settings.get("poisson_sampling", True),
                epochs=epochs,
                expected_units=settings.get("expected_units"),
                relation=settings.get("relation"),
                users=members(data_loader, settings.get("users")),
                account=None if account is None else account.spec,
            ).plan(data_loader)

        def calibrated() -> float:
            like = plan_with(1.0)
            if account is None:
                # An account of exactly this size, so that nothing beyond the target can run.
                size = {"epsilon": target_epsilon, "delta": target_delta, "composition": Composition.BASIC}
                settings["account"] = self._account = own_account(like, **size)
            found = calibrate_noise(
                lambda sigma: noise(sigma).event(like.sampling, steps=like.steps),
                relation=like.relation,
                epsilon=target_epsilon,
                delta=target_delta,
            )
            return float(found)

        multiplier = processes_for(module, alone=knobs.alone).told("the settings", calibrated)
        return self.make_private(
            module=module,
            optimizer=optimizer,
            data_loader=data_loader,
            noise_multiplier=noise(multiplier),
            max_grad_norm=max_grad_norm,
            epochs=epochs,
            **{"delta": target_delta, **settings},
        )

    @classmethod
    def validate(
        cls,
        *,
        module: nn.Module,
        optimizer: torch.optim.Optimizer | None = None,
        data_loader: DataLoader[Any] | None = None,
    ) -> None:
        """Errors: UnsupportedModule or InvalidParameter for what ``make_private`` or the first batch would refuse."""
        ModuleValidator.validate(module, strict=True)
        if optimizer is not None:
            refuse_optimizer(optimizer)
            trained(optimizer, module)
        if data_loader is not None:
            batch_size(data_loader)

    @classmethod
    def is_compatible(cls, **parts: Any) -> bool:
        """Whether ``validate`` finds nothing wrong."""
        try:
            cls.validate(**parts)
        except (InvalidParameter, UnsupportedModule):
            return False
        return True

    @classmethod
    def get_compatible_module(cls, module: nn.Module) -> nn.Module:
        """See ``ModuleValidator.fix_and_validate``; make the optimizer from what it gives back."""
        return ModuleValidator.fix_and_validate(module)

    @property
    def steps(self) -> int:
        """Steps that have run."""
        return 0 if self._steps is None else self._steps.done

    @property
    def alone(self) -> bool:
        """Whether this process trains by itself, and not together with others."""
        return self._processes.alone

    @property
    def accountant(self) -> PrivacyEngine:
        """The engine itself: it answers ``get_epsilon``."""
        return self

    def get_epsilon(self, delta: float) -> float:
        """What the steps so far cost at ``delta``, by the tightest accountant. Errors: InvalidParameter before any."""
        steps = self._made()
        point = price(steps.event, relation=steps.plan.relation, delta=delta).point
        return float(point.epsilon) if isinstance(point, ApproxDP) else math.inf

    def release(self, module: nn.Module) -> Release[dict[str, Any]]:
        """Commit the steps that ran and let the weights out with their receipt; no step can follow.

        With several processes all call it, and all but the first get None.
        """
        plain = module.wrapped if isinstance(module, PrivateModule) else module
        steps = self._made()
        released: Release[dict[str, Any]] = steps.run.release(self._processes.released_state(plain))
        return released

    def save_checkpoint(
        self,
        *,
        path: str | Path | IO[bytes],
        module: nn.Module,
        optimizer: torch.optim.Optimizer | None = None,
        noise_scheduler: Any = None,
        grad_clip_scheduler: Any = None,
        checkpoint_dict: dict[str, Any] | None = None,
    ) -> None:
        """Write module, optimizer, claim and what the plan needs to go on; a file is there whole or not at all.

        ``checkpoint_dict`` may hold tensors and plain values of the user's own.

        It is as private as the data: noise that is still to cancel and the sampler's key are in it.
        Errors: InvalidParameter if the place cannot be written.
        """
        schedulers = {"noise_scheduler": noise_scheduler, "grad_clip_scheduler": grad_clip_scheduler}
        states = {f"{name}_state_dict": one.state_dict() for name, one in schedulers.items() if one is not None}
        checkpoint.write(
            path,
            module=module,
            optimizer=optimizer,
            steps=self._made(),
            stepping=self._stepping(),
            processes=self._processes,
            further={**(checkpoint_dict or {}), **states},
        )

    def load_checkpoint(
        self,
        *,
        path: str | Path | IO[bytes],
        module: nn.Module,
        optimizer: torch.optim.Optimizer | None = None,
        noise_scheduler: Any = None,
        grad_clip_scheduler: Any = None,
    ) -> dict[str, Any]:
        """Go on from a checkpoint, after a ``make_private`` with the same settings.

        With an account, give ``resume=`` to ``make_private`` instead, so that no second claim is reserved.
        Errors: InvalidParameter if the file belongs to another plan or to a claim of an account.
        """
        saved = self._processes.told("the checkpoint", lambda: checkpoint.read(path))
        steps = self._made()
        if not steps.own and saved["claim"] != steps.run.claim:
            raise InvalidParameter(
                f"the checkpoint belongs to claim {saved['claim']}, which an account has paid for; give resume=path to "
                "make_private, so that no second claim is reserved"
            )
        self._restore(saved, module=module, optimizer=optimizer)
        for name, one in (("noise_scheduler", noise_scheduler), ("grad_clip_scheduler", grad_clip_scheduler)):
            if one is not None and f"{name}_state_dict" in saved:
                one.load_state_dict(saved[f"{name}_state_dict"])
        return saved

    def _restore(self, saved: dict[str, Any], *, module: nn.Module, optimizer: Any) -> None:
        if self._batches is None:
            raise InvalidParameter("nothing is private yet; call make_private first")
        checkpoint.restore(
            saved,
            module=module,
            optimizer=optimizer,
            steps=self._made(),
            stepping=self._stepping(),
            batches=self._batches,
            processes=self._processes,
        )

    def _stepping(self) -> PrivateOptimizer:
        if self._optimizer is None:
            raise InvalidParameter("nothing is private yet; call make_private first")
        return self._optimizer

    def _made(self) -> Steps:
        if self._steps is None:
            raise InvalidParameter("nothing is private yet; call make_private first")
        return self._steps


def _watched(module: nn.Module, processes: Processes, knobs: Execution, *, loss_reduction: str) -> PrivateModule:
    if isinstance(module, PrivateModule):
        return module
    plain = unwrapped(module)
    if "_orig_mod" in plain._modules:
        # By torch.compile, from outside; so it would be cut in pieces by what records it.
        plain, knobs = plain._orig_mod, replace(knobs, compile=True)
    return PrivateModule(plain, watch=processes.watch(plain, knobs), loss_reduction=loss_reduction)
