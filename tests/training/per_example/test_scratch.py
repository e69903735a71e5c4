"""Memory that is used again, and memory that is given back."""

from __future__ import annotations

import platform
import resource
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from privet.training.per_example.scratch import give_back_holes  # noqa: E402


def test_holes_are_given_back() -> None:
    """Of small tensors every second one is let go of: the C library keeps their places until it is asked."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc gives memory back when asked")
    held = [torch.ones(1 << 14) for _ in range(2000)]
    held = held[::2]
    before = _resident()
    give_back_holes()
    assert _resident() < before - 20 * 2**20
    assert len(held) == 1000


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
