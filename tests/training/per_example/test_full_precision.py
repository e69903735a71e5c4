"""Whatever switches a user has set, they are off within and as before afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

_PROGRAM = """
import torch
from privet.training.per_example.full_precision import full_precision

def asked(switch):
    try:
        return switch()
    except RuntimeError:
        return "newer switches were used"

def state():
    found = [asked(torch.get_float32_matmul_precision), getattr(torch.backends.cuda.matmul, "fp32_precision", None)]
    for name in ("conv", "rnn"):
        found.append(getattr(getattr(torch.backends.cudnn, name, None), "fp32_precision", None))
    return [*found, asked(lambda: torch.backends.cudnn.allow_tf32)]

{setting}
before = state()
try:
    with full_precision(torch.device("cuda")):
        within = state()
        raise KeyError
except KeyError:
    pass
assert state() == before, (before, state())
assert not {{"tf32", "high", True}} & set(within), within
with full_precision(torch.device("cpu")):
    assert state() == before
"""
SETTINGS = {
    "nothing": "",
    "products": "torch.set_float32_matmul_precision('high')",
    "products, by the old switch": "torch.backends.cuda.matmul.allow_tf32 = True",
    "products, by the new switch": "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
    "no convolutions": "torch.backends.cudnn.allow_tf32 = False",
    "convolutions alone, by the new switch": "torch.backends.cudnn.rnn.fp32_precision = 'ieee'",
    "all": "torch.backends.fp32_precision = 'tf32'",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_switches_are_off_within_and_come_back(setting: str) -> None:
    """In a process of its own, because some mixtures of switches cannot be taken back."""
    program = SETTINGS[setting]
    if "fp32_precision" in program and not hasattr(torch.backends.cudnn, "conv"):
        pytest.skip("this PyTorch has the old switches alone")
    subprocess.run([sys.executable, "-c", _PROGRAM.format(setting=program)], check=True)
