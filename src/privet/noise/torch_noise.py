"""Gaussian noise for gradients, written straight into a tensor from a noise source's bytes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privet.core.errors import InvalidParameter, MissingDependency
from privet.core.protocols import NoiseSource
from privet.noise.gaussian import check_stddev, fill_single
from privet.noise.keystream import KEY_BYTES, expansion
from privet.noise.normal_pool import MOST

try:
    import torch

    from privet.noise import accelerator
except ImportError as error:
    raise MissingDependency("noise on tensors needs PyTorch: pip install 'privet[torch]'") from error


def fill_gaussian_(tensor: Any, *, stddev: float, noise: NoiseSource) -> Any:
    """Overwrite a floating-point tensor with normal draws of standard deviation ``stddev``, and give it back.

    One draw of ``noise``, whatever the tensor's size: 32 bytes, which key an AES-256 counter-mode stream, or if they
    are few the normals themselves. Made in single precision and cut at 11.5 standard deviations; tensors of another
    precision get these, rounded or widened.
    For a tensor on an accelerator they key a ChaCha20 stream, which is made there.

    Shapes: any. Units: ``stddev`` in the unit of the tensor.
    Errors: InvalidParameter if the tensor is not floating-point or ``stddev`` is not a finite number above 0.
    Reference: Box & Muller 1958; what is not guaranteed: docs/decisions/002-floating-point-noise.md.

    >>> from privet.noise.secure import SecureNoise
    >>> fill_gaussian_(torch.empty(2, 3), stddev=1.0, noise=SecureNoise()).shape
    torch.Size([2, 3])
    """
    _check(tensor, stddev)
    if tensor.numel() <= MOST:
        tensor.detach().copy_(_few(tensor.numel(), stddev=stddev, noise=noise).view(tensor.shape))
        return tensor
    return _overwritten(tensor, stddev=stddev, key=noise.random_bytes(KEY_BYTES))


def gaussian_vector(size: int, *, stddev: float, noise: NoiseSource, device: Any = "cpu") -> Any:
    """A new vector in single precision, as ``fill_gaussian_`` would fill it: one draw of ``noise``.

    Shapes: (size,). Units: ``stddev`` in that of the vector. Errors: InvalidParameter.

    >>> from privet.noise.secure import SecureNoise
    >>> gaussian_vector(5, stddev=2.0, noise=SecureNoise()).shape
    torch.Size([5])
    """
    check_stddev(stddev)
    if size <= MOST:
        made = _few(size, stddev=stddev, noise=noise)
        return made if getattr(device, "type", device) == "cpu" else made.to(device)
    return fill_gaussian_(torch.empty(size, device=device, dtype=torch.float32), stddev=stddev, noise=noise)


def _few(size: int, *, stddev: float, noise: NoiseSource) -> Any:
    drawn = noise.single_normals(size)
    np.multiply(drawn, stddev, out=drawn)
    return torch.from_numpy(drawn)


def fill_gaussian_array(out: NDArray[np.float32], *, stddev: float, noise: NoiseSource) -> None:
    """As ``fill_gaussian_``, for a contiguous vector in single precision on the host.

    >>> from privet.noise.secure import SecureNoise
    >>> out = np.zeros(5, np.float32)
    >>> fill_gaussian_array(out, stddev=2.0, noise=SecureNoise())
    >>> bool(out.all())
    True
    """
    check_stddev(stddev)
    if out.size <= MOST:
        np.multiply(noise.single_normals(out.size), stddev, out=out)
    else:
        fill_single(out, stddev=stddev, fill=expansion(noise.random_bytes(KEY_BYTES)))


def fill_gaussian_part_(tensor: Any, *, part: int, stddev: float, noise: NoiseSource) -> Any:
    """As ``fill_gaussian_``, with part number ``part`` of one draw that several processes share.

    The draw keys a stream whose first 32 bytes key part 0, the next 32 part 1, and so on: parts are as independent of
    each other as draws, and none needs another to be made. Each part is for one tensor in one process.

    Errors: also InvalidParameter if ``part`` is below 0.

    >>> from privet.noise.secure import SecureNoise
    >>> fill_gaussian_part_(torch.empty(5), part=3, stddev=1.0, noise=SecureNoise()).shape
    torch.Size([5])
    """
    _check(tensor, stddev)
    if part < 0:
        raise InvalidParameter(f"part is {part}; give a whole number of at least 0")
    keys = bytearray(KEY_BYTES * (part + 1))
    expansion(noise.random_bytes(KEY_BYTES))(keys)
    return _overwritten(tensor, stddev=stddev, key=bytes(keys[-KEY_BYTES:]))


def _check(tensor: Any, stddev: float) -> None:
    if not tensor.is_floating_point():
        raise InvalidParameter(f"noise was asked for a {tensor.dtype} tensor; give a floating-point one")
    check_stddev(stddev)


def _overwritten(tensor: Any, *, stddev: float, key: bytes) -> Any:
    target = tensor.detach()
    if target.device.type != "cpu":
        made = _accelerated(target.device)(target.numel(), stddev=stddev, key=key, device=target.device)
        target.copy_(made.view(target.shape))
    elif target.dtype == torch.float32 and target.is_contiguous():
        fill_single(target.view(-1).numpy(), stddev=stddev, fill=expansion(key))
    else:
        made = np.empty(target.numel(), np.float32)
        fill_single(made, stddev=stddev, fill=expansion(key))
        target.copy_(torch.from_numpy(made).view(target.shape))
    return tensor


def _accelerated(device: Any) -> Any:
    """How numbers are made on a device that is not the host; one way makes the same as the other."""
    return (_kernel() if device.type == "cuda" else None) or accelerator.normals


@functools.cache
def _kernel() -> Any:
    """The quicker way; None where Triton is not."""
    try:
        from privet.noise import accelerator_kernel
    except ImportError:
        return None
    return accelerator_kernel.normals
