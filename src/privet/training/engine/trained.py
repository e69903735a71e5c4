"""What an optimizer trains, and which ones cannot be made private."""

from __future__ import annotations

import torch
from torch import nn

from privet.core.errors import InvalidParameter


def refuse_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Refuse by name what cannot step on one noisy gradient. Errors: InvalidParameter."""
    if isinstance(optimizer, torch.optim.LBFGS):
        raise InvalidParameter(
            "LBFGS looks at a batch several times in a step, and each look would have to be paid for; use SGD or Adam"
        )
    if isinstance(optimizer, torch.optim.SparseAdam):
        raise InvalidParameter("SparseAdam needs sparse gradients, and noise makes them dense; use Adam")


def trained(optimizer: torch.optim.Optimizer, module: nn.Module) -> list[nn.Parameter]:
    """The parameters that the optimizer trains. Errors: InvalidParameter if the module lacks one, or there are none."""
    own = {parameter for parameter in module.parameters() if parameter.requires_grad}
    given = [parameter for group in optimizer.param_groups for parameter in group["params"] if parameter.requires_grad]
    strangers = [parameter for parameter in given if parameter not in own]
    if strangers or not given:
        raise InvalidParameter(
            f"the optimizer trains {len(strangers)} parameters that the module does not have and {len(given)} in all; "
            "make it from module.parameters()"
        )
    return given
