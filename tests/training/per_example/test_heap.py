"""Memory that is kept from step to step, and memory that is given back."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from privet.training.per_example import heap  # noqa: E402

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")

# Fewest page faults of a step, a few steps later (in one the heap may still grow), and how much less is resident once
# memory is given back.
PROGRAM = """
import resource
import torch
from pathlib import Path
from torch import nn
from privet.training.per_example.watch import Watch

def resident():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() >> 20

torch.set_num_threads(1)
watch = Watch(nn.Sequential(*[part for _ in range(6) for part in (nn.Linear(512, 512), nn.GELU())]))
faults = []
for number in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    loss = watch(torch.randn(4096, 512)).square().sum()
    loss.backward()
    watch.clipped_sum(clip_norm=1.0)
    del loss
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
held = resident()
watch.release()
print(min(faults[-4:]), held - resident())
"""


def run(**settings: str) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=os.environ | settings
    )
    faults, given_back = done.stdout.split()
    return int(faults), int(given_back)


def test_a_step_has_the_memory_of_the_one_before_and_the_end_gives_it_back() -> None:
    faults, given_back = run()
    # A step of this network goes through 100 MiB, which are 25,000 pages.
    assert faults < 2500
    assert given_back > 50


@pytest.mark.parametrize(
    "setting", [{"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}]
)
def test_thresholds_of_ones_own_are_kept(setting: dict[str, str]) -> None:
    faults, _ = run(**setting)
    assert faults > 10_000


def test_holes_are_given_back() -> None:
    """Of small tensors every second one is let go of: the C library keeps their places until it is asked."""
    held = [torch.ones(1 << 14) for _ in range(2000)]
    held = held[::2]
    before = _resident()
    heap.give_back()
    assert _resident() < before - 20 * 2**20
    assert len(held) == 1000


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
