"""Single precision that is single precision: on CUDA devices products may be made with ten bits only (TF32).

PyTorch has two sets of switches for it, of which newer versions keep both; what a user has set with either comes back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import torch

T = TypeVar("T")
Restore = Callable[[], None]
_AS_IT_IS = contextlib.nullcontext()


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Within the block convolutions and products on ``device`` round as single precision does.

    What is compared with a plain gradient, and what turns norms and factors into a sum, must not be off by a
    thousandth: an example would be carried above the clip.
    """
    return _exactly() if device.type == "cuda" else _AS_IT_IS


@contextmanager
def _exactly() -> Iterator[None]:
    undo = [_products_exact(), _convolutions_exact()]
    try:
        yield
    finally:
        for restore in undo:
            restore()


def _products_exact() -> Restore:
    return _exact(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest", [torch.backends.cuda.matmul]
    )


def _convolutions_exact() -> Restore:
    cudnn = torch.backends.cudnn

    def put(allowed: bool) -> None:
        cudnn.allow_tf32 = allowed

    newer = [switch for name in ("conv", "rnn") if (switch := getattr(cudnn, name, None)) is not None]
    return _exact(lambda: cudnn.allow_tf32, put, False, newer)


def _exact(get: Callable[[], T], put: Callable[[T], None], exact: T, newer: Sequence[Any]) -> Restore:
    """Set an old switch and what newer ones there are for the same; gives what brings them back."""
    newer = [switch for switch in newer if hasattr(switch, "fp32_precision")]
    before = [switch.fp32_precision for switch in newer]
    old: list[T] = []
    with contextlib.suppress(RuntimeError):  # where newer ones were used the old one may not be asked
        old.append(get())
    if old == [exact] and not {"tf32", "high", "medium"} & set(before):
        return lambda: None
    for value in old:
        if value != exact:
            put(exact)
    for switch in newer:
        switch.fp32_precision = "ieee"

    def restore() -> None:
        for value in old:
            put(value)
        for switch, value in zip(newer, before, strict=True):
            switch.fp32_precision = value

    return restore
