"""Training under one plan that binds sampler, clipping, noise and event: what runs is what is accounted."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privet.training.averaging import ExponentialAverage, TailAverage
    from privet.training.clipping import AdaptiveClipping, AutomaticClipping, FlatClipping, PerLayerClipping
    from privet.training.correlated import (
        BandedToeplitz,
        BufferedToeplitz,
        CorrelatedNoise,
        TreeAggregation,
        optimise_banded,
        optimise_buffered,
    )
    from privet.training.engine import BatchMemoryManager, PrivacyEngine
    from privet.training.execution import Execution
    from privet.training.fitting import fit
    from privet.training.noise_law import IndependentNoise
    from privet.training.optimizers import AdamBC
    from privet.training.sampling import (
        BallsInBins,
        FullBatch,
        PoissonSampling,
        ShuffledBatches,
        TruncatedPoissonSampling,
    )
    from privet.training.schedules import Constant, Exponential, Lambda
    from privet.training.validators import ModuleValidator

__all__ = [
    "AdamBC",
    "AdaptiveClipping",
    "AutomaticClipping",
    "BallsInBins",
    "BandedToeplitz",
    "BatchMemoryManager",
    "BufferedToeplitz",
    "Constant",
    "CorrelatedNoise",
    "Execution",
    "Exponential",
    "ExponentialAverage",
    "FlatClipping",
    "FullBatch",
    "IndependentNoise",
    "Lambda",
    "ModuleValidator",
    "PerLayerClipping",
    "PoissonSampling",
    "PrivacyEngine",
    "ShuffledBatches",
    "TailAverage",
    "TreeAggregation",
    "TruncatedPoissonSampling",
    "fit",
    "optimise_banded",
    "optimise_buffered",
]

_ROOMS = (
    "engine",
    "validators",
    "fitting",
    "execution",
    "clipping",
    "sampling",
    "schedules",
    "noise_law",
    "correlated",
    "averaging",
    "optimizers",
)


def __getattr__(name: str) -> Any:
    # PyTorch is loaded when somebody trains with it, not with the linear models that need none.
    if name in __all__:
        for room in _ROOMS:
            module = importlib.import_module(f"{__name__}.{room}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
