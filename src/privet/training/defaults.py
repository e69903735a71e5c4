"""What ``fit`` takes where nothing is said: rules of public numbers, none of which looks at the data.

The noise that reaches the model depends on how far the weights travel in all, hardly on the number of steps, as long as
a step's noise multiplier is above about 1.5 (below, sampling loses what it had won). So batches are large, a fixed
share of the data; gradients are normalised, so that one learning rate fits losses of any scale; it is smaller where the
noise of a step is longer than the gradients, as with few units or many parameters; and it falls to nothing, so that the
last weights are an average of the noise and not its latest draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import nn

from privet.core.errors import InvalidParameter

# Share of the units in a batch. At epsilon 3 and 10 to 60 epochs the noise in the model is then within a fifth of that
# of full batches, which is the least (Ponomareva, Hazimeh, Kurakin et al. 2023, section 5.4: as large as affordable).
RATE = Fraction(1, 16)
# Clip norm of normalised gradients (Bu, Wang, Zha & Karypis 2023): it only sets the unit of the learning rate.
CLIP_NORM = 1.0
CLIPPING = "automatic"
# Of means of gradients of norm 1; ``benchmarks/utility.py`` holds them to tuned ones on images and a table.
LEARNING_RATE, MOMENTUM = 1.0, 0.9
# How long a step's noise may be, with a mean gradient of norm 1 as measure, before the learning rate shrinks with it.
BEARABLE_NOISE = 0.25


def delta_for(units: int) -> float:
    """One tenth over the public number of units, as the estimators take it.

    Below one over the units, since a mechanism that publishes one unit in the clear keeps delta = 1 / units.
    Errors: InvalidParameter.

    >>> delta_for(1000)
    0.0001
    """
    return 0.1 / _checked(units)


def batch_size_for(units: int) -> int:
    """One sixteenth of the public number of units, rounded up: at most 16 steps an epoch.

    Errors: InvalidParameter.

    >>> batch_size_for(60_000), batch_size_for(5)
    (3750, 1)
    """
    return math.ceil(_checked(units) * RATE)


def optimizer_for(module: nn.Module) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum over what the module trains.

    Errors: InvalidParameter if it trains nothing.

    >>> optimizer_for(nn.Linear(2, 1)).defaults["lr"]
    1.0
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trained:
        raise InvalidParameter("the module has no parameter that requires a gradient; unfreeze some")
    return torch.optim.SGD(trained, lr=LEARNING_RATE, momentum=MOMENTUM)


def share_of_rate(*, noise_multiplier: float, expected_batch_size: float, parameters: int) -> float:
    """What the learning rate is multiplied by: less than 1 where a step's noise is longer than bearable.

    The mean of normalised gradients is at most 1 long; its noise is about noise_multiplier * sqrt(parameters) /
    expected_batch_size long.

    >>> share_of_rate(noise_multiplier=2.0, expected_batch_size=4000, parameters=40_000)
    1.0
    >>> share_of_rate(noise_multiplier=2.0, expected_batch_size=400, parameters=40_000)
    0.25
    """
    length = noise_multiplier * math.sqrt(parameters) / expected_batch_size
    return min(1.0, BEARABLE_NOISE / length) if length else 1.0


def scheduler_for(optimizer: torch.optim.Optimizer, *, epochs: int, share: float) -> Any:
    """A ``share`` of the learning rate that falls to nothing along half a cosine, epoch by epoch.

    Reference: Loshchilov & Hutter 2017, equation 5, without restarts.

    >>> optimizer = optimizer_for(nn.Linear(2, 1))
    >>> scheduler_for(optimizer, epochs=2, share=0.5).get_last_lr()
    [0.5]
    """
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda epoch: share * (1 + math.cos(math.pi * min(epoch, epochs) / epochs)) / 2
    )


def units_in(count: int, *, users: Sequence[Any] | None, expected_units: int | None) -> int:
    """The public number of units: the stated one, else that of the users, else that of the examples.

    >>> units_in(4, users=["a", "b", "a", "c"], expected_units=None)
    3
    """
    if expected_units is not None:
        return expected_units
    return count if users is None else len(set(users))


def _checked(units: int) -> int:
    if units < 1:
        raise InvalidParameter(f"there are {units} units; training needs at least 1")
    return units
