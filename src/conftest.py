"""Some modules are looked through for examples only where what they are made for is installed."""

from __future__ import annotations

from importlib.util import find_spec

MADE_FOR = {
    "training/adapters/hugging_face": "transformers",
    "training/adapters/lightning": "lightning",
    # Comes with PyTorch for CUDA.
    "noise/accelerator_kernel": "triton",
}

collect_ignore = [f"privet/{module}.py" for module, package in MADE_FOR.items() if find_spec(package) is None]
