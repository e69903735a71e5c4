"""Noise that is correlated between steps so that most of it cancels in the sum: no sampling need be private."""

from __future__ import annotations

from privet.training.correlated.banded import BandedToeplitz, optimise_banded
from privet.training.correlated.buffered import BufferedToeplitz, optimise_buffered
from privet.training.correlated.law import CorrelatedNoise
from privet.training.correlated.tree import TreeAggregation

__all__ = [
    "BandedToeplitz",
    "BufferedToeplitz",
    "CorrelatedNoise",
    "TreeAggregation",
    "optimise_banded",
    "optimise_buffered",
]
