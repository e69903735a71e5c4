"""Who takes part in which step, with what that costs."""

from __future__ import annotations

from privet.training.sampling.poisson import PoissonSampling
from privet.training.sampling.scheme import Sampling

__all__ = ["PoissonSampling", "Sampling"]
