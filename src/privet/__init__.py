"""Privet: privacy-preserving machine learning with one gate and one ledger."""

from privet._version import __version__

__all__ = ["__version__"]
