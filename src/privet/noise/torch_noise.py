"""Gaussian noise for gradients, written straight into a tensor from a noise source's bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from privet.core.errors import InvalidParameter, MissingDependency
from privet.core.protocols import NoiseSource
from privet.noise.gaussian import check_stddev, fill_single, single_bytes

try:
    import torch
except ImportError as error:
    raise MissingDependency("noise on tensors needs PyTorch: pip install 'privet[torch]'") from error


def fill_gaussian_(tensor: Any, *, stddev: float, noise: NoiseSource) -> Any:
    """Overwrite a floating-point tensor with normal draws of standard deviation ``stddev``, and give it back.

    One draw of ``noise``, whatever the tensor's size. Made in single precision and cut at 11.5 standard deviations;
    tensors of another precision get the rounded (or widened) values. On an accelerator the random bytes are made on
    the host and turned into normals on the device.

    Shapes: any. Units: ``stddev`` in the unit of the tensor.
    Errors: InvalidParameter if the tensor is not floating-point or ``stddev`` is not a finite number above 0.
    Reference: Box & Muller 1958; what is not guaranteed: docs/decisions/002-floating-point-noise.md.

    >>> from privet.noise.secure import SecureNoise
    >>> fill_gaussian_(torch.empty(2, 3), stddev=1.0, noise=SecureNoise()).shape
    torch.Size([2, 3])
    """
    if not tensor.is_floating_point():
        raise InvalidParameter(f"noise was asked for a {tensor.dtype} tensor; give a floating-point one")
    check_stddev(stddev)
    raw = noise.random_bytes(single_bytes(tensor.numel()))
    target = tensor.detach()
    on_host = target.device.type == "cpu"
    if on_host and target.dtype == torch.float32 and target.is_contiguous():
        fill_single(target.view(-1).numpy(), raw=raw, stddev=stddev)
        return tensor
    if on_host:
        made = torch.empty(target.shape, dtype=torch.float32)
        fill_single(made.view(-1).numpy(), raw=raw, stddev=stddev)
    else:
        made = from_words(raw, size=target.numel(), stddev=stddev, device=target.device).view(target.shape)
    target.copy_(made)
    return tensor


def from_words(raw: bytes, *, size: int, stddev: float, device: Any) -> Any:
    """The same law as ``fill_single``, with the arithmetic done on ``device``.

    The radius needs at least 40 bits of u to reach the tail, so it is made of the 32 bits of its own word and of
    bytes kept for small words, exactly as on the host; here the few small ones are corrected after the others.
    """
    pairs = (size + 1) // 2
    words = np.frombuffer(raw, dtype=np.uint32, count=2 * pairs)
    small = np.flatnonzero(words[:pairs] < 1 << 16)
    u = _on(words[:pairs].astype(np.float32), device)
    fractions = np.frombuffer(raw, dtype=np.uint64, offset=8 * pairs)[: small.size].astype(np.float64)
    refined = words[:pairs][small[: fractions.size]] + (fractions + 0.5) * 2.0**-64
    u.clamp_(min=0.5)
    u[_on(small[: fractions.size], device)] = _on(refined.astype(np.float32), device)
    radius = u.mul_(2.0**-32).log_().mul_(-2).sqrt_().mul_(stddev)
    angle = _on(words[pairs:].view(np.int32).astype(np.float32), device).mul_(math.pi / 2**31)
    return torch.cat([angle.cos().mul_(radius), angle.sin_().mul_(radius)])[:size]


def _on(values: Any, device: Any) -> Any:
    return torch.from_numpy(values).to(device)
