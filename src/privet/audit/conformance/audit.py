"""Is a trainer right? Everything that is stated, held to what it does."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from privet.audit.conformance.noise import noise_measures
from privet.audit.conformance.observed import TrainerStopped
from privet.audit.conformance.sampler import sampler_measures
from privet.audit.conformance.sensitivity import sensitivity_measures
from privet.audit.conformance.trainer import Trainer
from privet.audit.conformance.verdict import Measure, Report, judge
from privet.core.errors import InvalidParameter

FALSE_ALARM = 1e-3
PARTS = ("sampler", "sensitivity", "noise")


def audit_trainer(
    trainer: Trainer,
    *,
    false_alarm: float = FALSE_ALARM,
    steps: int | None = None,
    seed: int = 0,
    parts: Collection[str] = PARTS,
) -> Report:
    """Run a trainer in the laboratory and hold its sampler, its sensitivity and its noise to what it states.

    Guarantee: a trainer that does what it states fails no check of chance but with a probability of ``false_alarm`` in
    all (family-wise, Holm 1979); checks of bounds have no false alarms beyond rounding. Each check says the smallest
    deviation that it catches with a chance of 99.9 %. A trainer that passes is not proved right: see docs/audit.md.
    ``steps`` are those of the longest run, 128 for Poisson sampling if left out; more of them catch smaller deviations.
    ``seed`` draws the laboratory's data and weights, not the trainer's chance. ``parts`` are those to be run.
    Errors: InvalidParameter. An error that the trainer raises is a check that fails.
    Reference: docs/decisions/015-trainer-conformance.md.

    >>> from privet.audit.conformance.engine import engine_trainer
    >>> audit_trainer(engine_trainer(), false_alarm=1e-6, steps=16).failed
    ()
    """
    if not 0 < false_alarm < 1:
        raise InvalidParameter(f"false_alarm is {false_alarm}; give a number above 0 and below 1")
    if steps is not None and steps < 16:
        raise InvalidParameter(f"steps is {steps}; give at least 16, with which something can be seen")
    if seed < 0:
        raise InvalidParameter(f"seed is {seed}; give a whole number of at least 0")
    if not parts or not set(parts) <= set(PARTS):
        raise InvalidParameter(f"parts are {sorted(parts)}; give some of {', '.join(PARTS)}")
    measures: dict[str, Callable[[], list[Measure]]] = {
        "sampler": lambda: sampler_measures(trainer, seed=seed, steps=steps),
        "sensitivity": lambda: sensitivity_measures(trainer, seed=seed),
        "noise": lambda: noise_measures(trainer, seed=seed),
    }
    found = [one for part in PARTS if part in parts for one in _part(part, measures[part])]
    return Report(trainer=trainer.name, false_alarm=false_alarm, checks=judge(found, false_alarm=false_alarm))


def _part(layer: str, measure: Callable[[], list[Measure]]) -> list[Measure]:
    """A trainer that raises an error on laboratory data fails this part; the others go on."""
    try:
        return measure()
    except TrainerStopped as error:
        return [Measure(layer=layer, check=f"{layer} run", statistic=math.inf, limit=0.0, sentence=str(error))]
