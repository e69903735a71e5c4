"""The user's optimizer: before each of its steps the gradients become clipped, noisy means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.core.protocols import NoiseSource
from privet.noise.torch_noise import fill_gaussian_
from privet.training.engine.module import PrivateModule
from privet.training.engine.steps import Steps
from privet.training.poisson_plan import PoissonPlan


class PrivateOptimizer(torch.optim.Optimizer):  # type: ignore[misc]
    """Steps as the wrapped optimizer does, on noisy means of clipped gradients.

    Guarantee: the plan's, for what ``step`` leaves in the parameters. The noise of a step is drawn once, for all
    parameters in one piece; the mean is over the expected batch size, a public constant.
    Errors: InvalidParameter if a parameter is trained that the module does not have; PermitError after the plan's end.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        module: PrivateModule,
        plan: PoissonPlan,
        loss_reduction: str,
    ) -> None:
        # Not the base's own __init__: groups and state stay the wrapped optimizer's, so that schedulers move those.
        if loss_reduction not in ("mean", "sum"):
            raise InvalidParameter(f'loss_reduction is {loss_reduction!r}; give "mean" or "sum", as the loss does')
        self.original_optimizer = optimizer
        self.plan = plan
        self._module, self._mean = module, loss_reduction == "mean"
        self._parameters = _trained(optimizer, module)
        self._steps: Steps | None = None

    def begin(self, steps: Steps) -> None:
        """Take the noise of these steps from now on."""
        self._steps = steps

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The wrapped optimizer's, so that learning-rate schedulers work."""
        groups: list[dict[str, Any]] = self.original_optimizer.param_groups
        return groups

    @property
    def state(self) -> Any:
        return self.original_optimizer.state

    @property
    def defaults(self) -> dict[str, Any]:
        found: dict[str, Any] = self.original_optimizer.defaults
        return found

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients and recorded passes."""
        self._module.watch.forget()
        self.original_optimizer.zero_grad(set_to_none=set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Clip, add noise, divide by the expected batch size, and step; an empty batch is noise alone."""
        loss = closure() if closure is not None else None
        if self._steps is None:
            raise InvalidParameter("the plan of this optimizer has not begun; take it from make_private")
        self._refuse_late_ones()
        noise, watch = self._steps.next(), self._module.watch
        with torch.no_grad():
            scale = watch.batch_size if self._mean else 1.0
            found = watch.clipped_sum(clip_norm=float(self.plan.clip_norm), scale=scale)
            self._put(found.sums, noise)
        self.original_optimizer.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = self.original_optimizer.state_dict()
        return found

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.original_optimizer.load_state_dict(state)

    def _refuse_late_ones(self) -> None:
        """A parameter that joined after the plan began would be trained on its plain gradient."""
        known = set(self._parameters)
        for group in self.original_optimizer.param_groups:
            if any(parameter.requires_grad and parameter not in known for parameter in group["params"]):
                raise InvalidParameter(
                    "a parameter was unfrozen or added after make_private; unfreeze it before, and begin again"
                )

    def _put(self, sums: dict[nn.Parameter, Tensor], noise: NoiseSource) -> None:
        """Write noisy means as the parameters' gradients; the noise of all of them is one draw."""
        first = self._parameters[0]
        flat = torch.empty(sum(p.numel() for p in self._parameters), device=first.device, dtype=torch.float32)
        fill_gaussian_(flat, stddev=float(self.plan.noise_stddev), noise=noise)
        pieces = flat.split([p.numel() for p in self._parameters])
        for parameter, piece in zip(self._parameters, pieces, strict=True):
            total = piece.view(parameter.shape)
            if parameter in sums:
                total = total.add_(sums[parameter].to(total))
            parameter.grad = total.div_(self.plan.expected_batch_size).to(parameter)


def _trained(optimizer: torch.optim.Optimizer, module: PrivateModule) -> list[nn.Parameter]:
    own = {parameter for parameter in module.parameters() if parameter.requires_grad}
    given = [parameter for group in optimizer.param_groups for parameter in group["params"] if parameter.requires_grad]
    strangers = [parameter for parameter in given if parameter not in own]
    if strangers or not given:
        raise InvalidParameter(
            f"the optimizer trains {len(strangers)} parameters that the module does not have and {len(given)} in all; "
            "make it from module.parameters()"
        )
    return given
