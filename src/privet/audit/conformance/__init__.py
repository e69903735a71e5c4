"""Is the trainer right? Its sampler, its sensitivity and its noise, held to what its accounting takes for granted."""

from __future__ import annotations

from typing import Any

from privet.audit.conformance.audit import audit_trainer
from privet.audit.conformance.trainer import Job, StatedPlan, StatedSampling, Step, Trainer
from privet.audit.conformance.verdict import Check, Report, Verdict

__all__ = [
    "Check",
    "Job",
    "Report",
    "StatedPlan",
    "StatedSampling",
    "Step",
    "Trainer",
    "Verdict",
    "audit_trainer",
    "engine_trainer",
]


def __getattr__(name: str) -> Any:
    # Our own engine, and the ledger it needs, are loaded when they are audited: another's trainer needs neither.
    if name != "engine_trainer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from privet.audit.conformance.engine import engine_trainer

    return engine_trainer
