"""DP-SGD for a user's own PyTorch loop, by the names that Opacus made known."""

from privet.training.engine.engine import PrivacyEngine
from privet.training.engine.memory import BatchMemoryManager

__all__ = ["BatchMemoryManager", "PrivacyEngine"]
