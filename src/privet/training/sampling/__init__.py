"""Who takes part in which step, with what that costs."""

from __future__ import annotations

from privet.training.sampling.balls_in_bins import BallsInBins
from privet.training.sampling.full_batch import FullBatch
from privet.training.sampling.poisson import PoissonSampling
from privet.training.sampling.scheme import Sampling
from privet.training.sampling.shuffled import ShuffledBatches
from privet.training.sampling.truncated import TruncatedPoissonSampling

__all__ = [
    "BallsInBins",
    "FullBatch",
    "PoissonSampling",
    "Sampling",
    "ShuffledBatches",
    "TruncatedPoissonSampling",
]
