"""Training under one plan that binds sampler, clipping, noise and event: what runs is what is accounted."""

from __future__ import annotations

from typing import Any

__all__ = ["BatchMemoryManager", "PrivacyEngine"]


def __getattr__(name: str) -> Any:
    # PyTorch is loaded when somebody trains with it, not with the linear models that need none.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from privet.training import engine

    return getattr(engine, name)
