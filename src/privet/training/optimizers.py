"""Optimizers that know of the noise in their gradients; any of torch.optim works as well."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter

# Thrice what an average of a thousand squares is uncertain by; below that a moment may as well be zero.
_SHARE_OF_NOISE = 0.1
# Adam's own, squared: against division by zero where there is neither gradient nor noise.
_TINY = 1e-16


class AdamBC(torch.optim.Optimizer):  # type: ignore[misc]
    """Adam whose second moments are rid of the noise's share, which would otherwise make it plain SGD.

    Guarantee: a function of noisy gradients that the plan has paid for and of the public ``noise_variance``, so it
    costs nothing (post-processing). For gradients with independent noise of that variance the corrected second moment
    has the mean that Adam's would have without noise; below ``floor`` it counts as ``floor``. A variance that changes
    from step to step, as under schedules and adaptive clipping, is averaged as the squares are.
    Units: ``noise_variance`` in the squared unit of the mean gradient, set by the private optimizer before each step;
    zero, which is plain Adam but for the floor, until then. ``floor`` in the same unit; the authors tune it (gamma'),
    and without one it is a tenth of the noise's variance, about what a corrected moment is uncertain by.
    ``weight_decay`` is decoupled.
    Errors: InvalidParameter. Reference: Tang, Shpilevskiy & Lecuyer 2024, DP-AdamBC, Algorithm 1.

    >>> weight = nn.Parameter(torch.zeros(1))
    >>> optimizer = AdamBC([weight], lr=0.1)
    >>> weight.grad, optimizer.noise_variance = torch.tensor([5.0]), 16.0
    >>> optimizer.step()
    >>> weight.data  # 0.1 * 5 / sqrt(25 - 16)
    tensor([-0.1667])
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        floor: float | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise InvalidParameter(f"betas is {betas}; give two numbers of at least 0 and below 1")
        if floor is not None and not 0 < floor < math.inf:
            raise InvalidParameter(f"floor is {floor}; give a finite number above 0, or None")
        if lr < 0 or weight_decay < 0:
            raise InvalidParameter(f"lr is {lr} and weight_decay {weight_decay}; give numbers of at least 0")
        given = {"lr": lr, "betas": betas, "floor": floor, "weight_decay": weight_decay}
        super().__init__(params, {**given, "steps": 0, "mean_noise": 0.0})
        self.noise_variance = 0.0

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            group["steps"] += 1
            group["mean_noise"] += (1 - group["betas"][1]) * (self.noise_variance - group["mean_noise"])
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        return loss

    def second_moment(self, parameter: nn.Parameter) -> Tensor:
        """The corrected second moment of a parameter's gradient, before the floor. Shapes: the parameter's."""
        for group in self.param_groups:
            if any(parameter is own for own in group["params"]) and self.state[parameter]:
                # Both averages begin at zero, so both are divided by what they lack.
                return (self.state[parameter]["squares"] - group["mean_noise"]) / _reached(group, 1)
        raise InvalidParameter("the optimizer has not moved this parameter yet; give one of its own after a step")

    def _move(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        state, grad = self.state[parameter], parameter.grad
        if not state:
            kind = torch.promote_types(parameter.dtype, torch.float32)
            state["mean"] = torch.zeros_like(parameter, dtype=kind)
            state["squares"] = torch.zeros_like(parameter, dtype=kind)
        grad = grad.to(state["mean"].dtype)
        state["mean"].lerp_(grad, 1 - group["betas"][0])
        state["squares"].lerp_(grad.square(), 1 - group["betas"][1])
        spread = self.second_moment(parameter).clamp_min(_floor(group)).sqrt_()
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.sub_((group["lr"] / _reached(group, 0) * state["mean"] / spread).to(parameter.dtype))


def _floor(group: dict[str, Any]) -> float:
    if group["floor"] is not None:
        return float(group["floor"])
    return max(_SHARE_OF_NOISE * float(group["mean_noise"]) / _reached(group, 1), _TINY)


def _reached(group: dict[str, Any], which: int) -> float:
    """What a running average that began at zero has of its whole by now."""
    return float(1 - group["betas"][which] ** group["steps"])
