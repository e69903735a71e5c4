"""Features that learn nothing from the data: brought to one scale, and computed once for all epochs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter

# Added to the spread of the channels at a place, in square roots of pixels: places of an empty background stay small.
_FLOOR = 0.1


class FeatureNormalisation(nn.Module):  # type: ignore[misc]
    """Square roots of features, brought to mean 0 and spread 1: over channels at each place, then over places.

    Noise of one size hits all weights, so features that matter must not be small ones: roots draw heavy tails in, the
    first normalisation takes out how bright a place is, the second gives every channel the same say. There are no
    parameters and no running statistics.
    Guarantee: a function of each example alone, so it costs no privacy.
    Shapes: (B, C, H, W) to the same. Units: none.
    Errors: InvalidParameter for inputs without four axes.
    Reference: Tramer & Boneh 2021, section 2.2 (group normalisation of scattering features); Wu & He 2018.

    >>> made = FeatureNormalisation()(torch.arange(1.0, 49.0).view(1, 3, 4, 4))
    >>> made.shape, bool(made.mean((2, 3)).abs().max() < 1e-5)
    (torch.Size([1, 3, 4, 4]), True)
    """

    def forward(self, features: Tensor) -> Tensor:
        if features.dim() != 4:
            raise InvalidParameter(f"features have shape {tuple(features.shape)}; give (B, C, H, W)")
        roots = features.sign() * features.abs().sqrt()
        spread = roots.std(1, keepdim=True, unbiased=False)
        level = (roots - roots.mean(1, keepdim=True)) / (spread + _FLOOR)
        return nn.functional.group_norm(level, features.shape[1])


@torch.no_grad()  # type: ignore[untyped-decorator]
def computed_once(transform: nn.Module, inputs: Tensor, *, batch_size: int = 256) -> Tensor:
    """What a fixed ``transform`` makes of the inputs, so that no epoch has to make it again.

    Guarantee: if the transform treats every example alone and has not seen the private data, what protects the inputs'
    rows protects those of the result.
    Shapes: (n, ...) to (n, ...). ``batch_size`` rows are transformed at a time.
    Errors: InvalidParameter if the transform does not give a row for each row.

    >>> computed_once(nn.Flatten(), torch.ones(5, 2, 3), batch_size=2).shape
    torch.Size([5, 6])
    """
    transform.eval()
    made: Tensor | None = None
    for start in range(0, len(inputs), batch_size):
        rows = inputs[start : start + batch_size]
        found = transform(rows)
        if len(found) != len(rows):
            raise InvalidParameter("the transform gives another number of rows than it gets; give one row for each")
        if made is None:
            # Filled in place: joining pieces would hold all of them twice.
            made = found.new_empty(len(inputs), *found.shape[1:])
        made[start : start + len(rows)] = found
    if made is None:
        raise InvalidParameter("there are no inputs; give at least one row")
    return made
