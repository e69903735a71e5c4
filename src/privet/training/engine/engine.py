"""``PrivacyEngine``: a training loop becomes private by one changed import."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from privet.accounting import calibrate_noise
from privet.accounting.price import price
from privet.core.errors import InvalidParameter
from privet.core.guarantees import ApproxDP
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.sealed import Private, Release
from privet.core.units import ClipNorm, NoiseMultiplier
from privet.ledger import Account, Ledger
from privet.training.engine.loader import PoissonBatches, private_loader
from privet.training.engine.module import PrivateModule
from privet.training.engine.optimizer import PrivateOptimizer
from privet.training.engine.steps import Steps
from privet.training.poisson_plan import PoissonPlan, sampled_steps

EXAMPLE = PrivacyUnit("example")
# An account of this process alone, for a loop that states no end: it counts, and guards nothing.
_OPEN_ENDED: dict[str, Any] = {"epsilon": 10**9, "delta": Fraction(1, 10**5)}

Made = tuple[PrivateModule, PrivateOptimizer, DataLoader[Any]]


class PrivacyEngine:
    """Makes module, optimizer and loader private; the training loop stays the user's own.

    Guarantee: that of ``PoissonPlan`` for one example of the loader's data set. Without ``expected_units`` the size of
    the data set is public and one example may be replaced by an empty one (zero-out); with it examples come and go
    (add-or-remove) and the true size stays private. The holder of the data is trusted.
    With ``account`` the whole plan is one claim, reserved before the first batch; ``epochs`` must then be given.

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

    def __init__(self) -> None:
        self._plan: PoissonPlan | None = None
        self._steps: Steps | None = None

    def make_private(
        self,
        *,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        data_loader: DataLoader[Any],
        noise_multiplier: float,
        max_grad_norm: float,
        epochs: int | None = None,
        expected_units: int | None = None,
        account: Account | None = None,
        delta: float | None = None,
        loss_reduction: str = "mean",
        poisson_sampling: bool = True,
    ) -> Made:
        """Give back module, optimizer and loader in their private forms.

        ``max_grad_norm`` is the clip norm of one example's gradient; the noise's standard deviation is
        ``noise_multiplier`` times it. The loader's batch size is the expected one. The loss must be a plain mean or sum
        of single examples' losses (``loss_reduction``): one that is divided by a weight or a count of tokens of the
        whole batch lets one example change the gradients of all.
        Errors: InvalidParameter; BudgetRefused if ``account`` cannot pay for the plan.
        """
        if not poisson_sampling:
            raise InvalidParameter(
                "poisson_sampling=False is not offered: shuffled batches cost more than Poisson ones, and would be "
                "priced as what they are not; leave it True"
            )
        if self._plan is not None:
            raise InvalidParameter("this engine has made a loop private already; make another engine")
        plan, per_epoch = _plan(
            data_loader,
            noise_multiplier=noise_multiplier,
            clip_norm=max_grad_norm,
            epochs=epochs,
            expected_units=expected_units,
            account=account,
        )
        private = module if isinstance(module, PrivateModule) else PrivateModule(module)
        # Whatever can be wrong is found before anything is claimed.
        stepping = PrivateOptimizer(optimizer, module=private, plan=plan, loss_reduction=loss_reduction)
        self._steps = _steps(plan, data_loader, account, delta=delta, renew=account is None and epochs is None)
        self._plan = plan
        stepping.begin(self._steps)
        units = len(data_loader.dataset)
        batches = PoissonBatches(
            self._steps.sampler_key, count=units, rate=plan.sampling_rate, steps_per_epoch=per_epoch
        )
        return private, stepping, private_loader(data_loader, batches, watch=private.watch)

    def make_private_with_epsilon(
        self,
        *,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        data_loader: DataLoader[Any],
        target_epsilon: float,
        target_delta: float,
        epochs: int,
        max_grad_norm: float,
        **settings: Any,
    ) -> Made:
        """As ``make_private``, with the least noise that keeps the target over so many epochs."""
        rate, per_epoch = _rate(data_loader, settings.get("expected_units"))
        relation = _relation(settings.get("account"), settings.get("expected_units"))
        noise = calibrate_noise(
            lambda sigma: sampled_steps(sigma, sampling_rate=rate, steps=epochs * per_epoch),
            relation=relation,
            epsilon=target_epsilon,
            delta=target_delta,
        )
        return self.make_private(
            module=module,
            optimizer=optimizer,
            data_loader=data_loader,
            noise_multiplier=float(noise),
            max_grad_norm=max_grad_norm,
            epochs=epochs,
            **{"delta": target_delta, **settings},
        )

    @property
    def steps(self) -> int:
        """Steps that have run."""
        return 0 if self._steps is None else self._steps.done

    def get_epsilon(self, delta: float) -> float:
        """What the steps so far cost at ``delta``, by the tightest accountant. Errors: InvalidParameter before any."""
        plan = self._made()
        point = price(plan.event_after(self.steps), relation=plan.relation, delta=delta).point
        return float(point.epsilon) if isinstance(point, ApproxDP) else math.inf

    def release(self, module: nn.Module) -> Release[dict[str, Any]]:
        """Commit the steps that ran and let the weights out with their receipt; no step can follow."""
        self._made()
        if self._steps is None:
            raise InvalidParameter("nothing has been paid for; call make_private first")
        plain = module.wrapped if isinstance(module, PrivateModule) else module
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in plain.state_dict().items()}
        return self._steps.run.release(weights)

    def _made(self) -> PoissonPlan:
        if self._plan is None:
            raise InvalidParameter("nothing is private yet; call make_private first")
        return self._plan


def _rate(loader: DataLoader[Any], expected_units: int | None) -> tuple[Fraction, int]:
    """Sampling rate and steps of an epoch: from public numbers alone."""
    if isinstance(loader.dataset, IterableDataset):
        raise InvalidParameter("an iterable dataset cannot be sampled; give one with __getitem__ and __len__")
    if loader.batch_size is None:
        raise InvalidParameter("the loader has no batch size; give it batch_size, the expected number of examples")
    units = len(loader.dataset) if expected_units is None else expected_units
    if units < 1:
        raise InvalidParameter(f"the data set has {units} examples; training needs at least 1")
    rate = min(Fraction(1), Fraction(loader.batch_size, units))
    return rate, math.ceil(1 / rate)


def _relation(account: Account | None, expected_units: int | None) -> Relation:
    wanted = Relation.ZERO_OUT if expected_units is None else Relation.ADD_OR_REMOVE
    if account is not None and account.spec.relation is not wanted:
        hint = "give expected_units" if wanted is Relation.ZERO_OUT else "leave expected_units out"
        raise InvalidParameter(
            f"account {account.name!r} is under {account.spec.relation}; {hint}, or use another account"
        )
    return wanted


def _plan(
    loader: DataLoader[Any],
    *,
    noise_multiplier: float,
    clip_norm: float,
    epochs: int | None,
    expected_units: int | None,
    account: Account | None,
) -> tuple[PoissonPlan, int]:
    rate, per_epoch = _rate(loader, expected_units)
    if account is not None and epochs is None:
        raise InvalidParameter("epochs is None; an account must know the whole plan before it begins: give epochs")
    if account is not None and account.spec.unit.max_rows != 1:
        raise InvalidParameter(
            f"account {account.name!r} protects a {account.spec.unit.describe()}, but examples are clipped one by one"
        )
    plan = PoissonPlan(
        name="training",
        unit=EXAMPLE if account is None else account.spec.unit,
        relation=_relation(account, expected_units),
        clip_norm=ClipNorm(clip_norm),
        noise_multiplier=NoiseMultiplier(noise_multiplier),
        sampling_rate=rate,
        steps=per_epoch * (1 if epochs is None else epochs),
        expected_batch_size=float(loader.batch_size or 1),
    )
    return plan, per_epoch


def _steps(
    plan: PoissonPlan, loader: DataLoader[Any], account: Account | None, *, delta: float | None, renew: bool
) -> Steps:
    if account is None:
        account = Ledger.in_memory().create_account("loop", unit=plan.unit, relation=plan.relation, **_OPEN_ENDED)
    paying, sealed = account, Private.wrap(loader.dataset, account=account.name)
    return Steps(lambda: paying.open(replace(plan), sealed, delta=delta), renew=renew)
