"""PRIVET_TEST_DEVICE=cuda runs the tests of this folder with modules and tensors on that device (`make test-cuda`)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

DEVICE = os.environ.get("PRIVET_TEST_DEVICE")


@pytest.fixture(autouse=True)
def _on_the_device() -> Iterator[None]:
    if DEVICE is None:
        yield
        return
    import torch

    # Tests compare with single precision; these round more.
    torch.backends.cudnn.allow_tf32 = False
    with torch.device(DEVICE):
        yield
