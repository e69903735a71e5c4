"""DP-SGD for a user's own PyTorch loop, by the names that Opacus made known."""

from privet.training.engine.engine import PrivacyEngine

__all__ = ["PrivacyEngine"]
