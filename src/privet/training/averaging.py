"""Averages of the weights along the way: less noise in the model, and not a bit of privacy spent."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter


class WeightAverage(Protocol):
    """What ``fit`` asks of an average."""

    def update(self) -> None:
        """Take in the module's weights as a step has left them."""
        ...

    def averaged(self) -> nn.Module:
        """A copy of the module with the average as its weights."""
        ...

    def apply_to(self, module: nn.Module) -> None:
        """Write the average into a module of the same shape."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class _Running(ABC):
    """A running mean of the trained parameters, into which each step comes with a share."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._steps = 0
        self._mean: dict[str, Tensor] = {}

    @abstractmethod
    def share(self, step: int) -> float:
        """How much of the mean the ``step``-th weights are once they are in it; the first are all of it."""

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def update(self) -> None:
        """Take in the module's weights as a step has left them."""
        self._steps += 1
        share = self.share(self._steps)
        for name, parameter in self._trained():
            # In half precision small shares would be rounded away.
            now = parameter.detach().to(torch.promote_types(parameter.dtype, torch.float32))
            if name not in self._mean or share == 1:
                self._mean[name] = now.clone()
            else:
                self._mean[name].lerp_(now, share)

    def averaged(self) -> nn.Module:
        """A copy of the module with the average as its weights; before any step, with its own."""
        made = copy.deepcopy(self._module)
        self.apply_to(made)
        return made

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def apply_to(self, module: nn.Module) -> None:
        """Write the average into a module of the same shape. Errors: InvalidParameter if it has another."""
        own = dict(module.named_parameters())
        for name, mean in self._mean.items():
            if name not in own or own[name].shape != mean.shape:
                raise InvalidParameter(f"the module has no parameter {name!r} of shape {tuple(mean.shape)}")
            own[name].copy_(mean)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "mean": {name: mean.clone() for name, mean in self._mean.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Errors: InvalidParameter if the parameters are others."""
        trained = dict(self._trained())
        if state["mean"] and set(state["mean"]) != set(trained):
            raise InvalidParameter("the average belongs to a module with other trained parameters; give its own")
        self._steps = int(state["steps"])
        self._mean = {name: mean.to(trained[name].device, copy=True) for name, mean in state["mean"].items()}

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, parameter) for name, parameter in self._module.named_parameters() if parameter.requires_grad]


class ExponentialAverage(_Running):
    """Weights of the last steps, each counting ``decay`` times as much as the one after it.

    Guarantee: a function of weights that the plan has paid for, so it costs nothing (post-processing). Divided by the
    sum of the factors so far, so that the first steps are not pulled towards zero.
    Units: ``decay`` per step; the average reaches about 1 / (1 - decay) steps back.
    Errors: InvalidParameter. Reference: De, Berrada, Hayes, Smith & Balle 2022, section 3.

    >>> module = nn.Linear(1, 1, bias=False)
    >>> average = ExponentialAverage(module, decay=0.5)
    >>> for weight in (1.0, 4.0):
    ...     _ = module.weight.data.fill_(weight)
    ...     average.update()
    >>> average.averaged().weight.item()  # (0.5 * 1 + 1 * 4) / 1.5
    3.0
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        if not 0 <= decay < 1:
            raise InvalidParameter(f"decay is {decay}; give a number of at least 0 and below 1")
        super().__init__(module)
        self._decay = decay

    def share(self, step: int) -> float:
        return float((1 - self._decay) / (1 - self._decay**step))


class TailAverage(_Running):
    """The plain mean of the weights of all steps after the first ``start``.

    Guarantee: a function of weights that the plan has paid for, so it costs nothing (post-processing). Until ``start``
    it is the module's latest weights.
    Units: ``start`` in steps, such as half of those that are planned.
    Errors: InvalidParameter. Reference: Shejwalkar, Ganesh, Mathews et al. 2022, Recycling Scraps (uniform tail
    averaging); Bassily, Smith & Thakurta 2014 for the mean of all.

    >>> module = nn.Linear(1, 1, bias=False)
    >>> average = TailAverage(module, start=1)
    >>> for weight in (9.0, 1.0, 3.0):
    ...     _ = module.weight.data.fill_(weight)
    ...     average.update()
    >>> average.averaged().weight.item()
    2.0
    """

    def __init__(self, module: nn.Module, *, start: int) -> None:
        if start < 0:
            raise InvalidParameter(f"start is {start}; give a number of steps of at least 0")
        super().__init__(module)
        self._start = start

    def share(self, step: int) -> float:
        return 1.0 / max(1, step - self._start)
