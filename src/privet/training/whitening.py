"""Channels made independent of one another, by what public pictures say of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privet.core.errors import InvalidParameter
from privet.training.fixed_features import FeatureNormalisation, computed_once
from privet.training.scattering import Scattering
from privet.training.synthetic_pictures import dead_leaves

# Synthetic pictures whose features are known: their 49 places each are several rows for every entry of the matrix.
_KNOWN = 600


class ChannelWhitening(nn.Module):  # type: ignore[misc]
    """Mixes channels at each place so that those of ``public`` are uncorrelated, then brings each to mean 0, spread 1.

    Gradient descent is slow along directions in which features hardly vary, and under noise there are few steps; on
    whitened features all directions are alike. ``ridge``, a share of the mean variance, keeps those that hold next to
    nothing from being blown up.
    Guarantee: a function of each example alone and of ``public``, which must not be the data that are protected.
    Shapes: ``public`` (n, C, H, W); (B, C, H, W) to the same. Units: none.
    Errors: InvalidParameter. Reference: Bell & Sejnowski 1997 (symmetric whitening).

    >>> public = torch.arange(96.0).sin().view(2, 3, 4, 4)
    >>> ChannelWhitening(public)(public).shape
    torch.Size([2, 3, 4, 4])
    """

    matrix: Tensor

    def __init__(self, public: Tensor, *, ridge: float = 0.1) -> None:
        super().__init__()
        if public.dim() != 4 or not len(public) or not bool(public.isfinite().all()):
            raise InvalidParameter(f"public has shape {tuple(public.shape)}; give finite features (n, C, H, W)")
        if not 0 < ridge < float("inf"):
            raise InvalidParameter(f"ridge is {ridge}; give a finite number above 0")
        rows = public.double().transpose(0, 1).flatten(1)
        rows = rows - rows.mean(1, keepdim=True)
        variances, axes = torch.linalg.eigh(rows @ rows.t() / rows.shape[1])
        scales = (variances.clamp_min(0) + ridge * variances.mean()).rsqrt()
        self.register_buffer("matrix", ((axes * scales) @ axes.t()).to(public.dtype))

    def forward(self, features: Tensor) -> Tensor:
        channels = len(self.matrix)
        if features.dim() != 4 or features.shape[1] != channels:
            raise InvalidParameter(f"features have shape {tuple(features.shape)}; give (B, {channels}, H, W)")
        mixed = (self.matrix.to(features.dtype) @ features.flatten(2)).view_as(features)
        return nn.functional.group_norm(mixed, channels)


def picture_features(*, channels: int = 1, public: Tensor | None = None) -> nn.Sequential:
    """Scattering, normalised and whitened: fixed features of pictures for small private models.

    ``public`` pictures say which features go together; without any, synthetic ones do.
    Guarantee: a function of each example alone that has seen no private data.
    Shapes: (B, C, H, W) to (B, 81 * C, ceil(H / 4), ceil(W / 4)). Errors: InvalidParameter.

    >>> picture_features()(torch.rand(2, 1, 28, 28)).shape
    torch.Size([2, 81, 7, 7])
    """
    fixed = nn.Sequential(Scattering(), FeatureNormalisation())
    known = dead_leaves(_KNOWN).expand(-1, channels, -1, -1) if public is None else public
    return nn.Sequential(*fixed, ChannelWhitening(computed_once(fixed, known)))
