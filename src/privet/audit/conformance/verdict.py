"""From measures to verdicts: every check by name, all false alarms together at most as likely as was said."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


class Verdict(enum.StrEnum):
    HOLDS = "holds"
    FAILS = "FAILS"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One check's statistic before it is judged.

    A check of chance has a ``p_value``; ``catches`` says for the level of a single test which ``deviation`` is caught.
    A check of a bound fails above ``limit``. One with neither does not apply.
    """

    layer: str
    check: str
    statistic: float
    sentence: str
    p_value: float | None = None
    limit: float | None = None
    catches: Callable[[float], float] | None = None
    deviation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check, judged. ``catches`` is the smallest ``deviation`` that is caught with a chance of 99.9 %."""

    layer: str
    check: str
    verdict: Verdict
    statistic: float
    sentence: str
    p_value: float | None
    limit: float | None
    catches: float | None
    deviation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the audit of a trainer found. ``false_alarm`` bounds the chance that a right trainer fails any check."""

    trainer: str
    false_alarm: float
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that fail."""
        return tuple(check.check for check in self.checks if check.verdict is Verdict.FAILS)

    @property
    def passed(self) -> bool:
        return not self.failed

    def to_json(self) -> dict[str, Any]:
        return {"passed": self.passed, **dataclasses.asdict(self)}


def judge(measures: Sequence[Measure], *, false_alarm: float) -> tuple[Check, ...]:
    """Verdicts, in the order of the measures.

    Guarantee: the chance that any check of chance fails although all that was stated holds is at most ``false_alarm``,
    however the statistics depend on each other. Reference: Holm 1979.
    """
    numbered = [
        (0.0 if math.isnan(m.p_value) else m.p_value, i) for i, m in enumerate(measures) if m.p_value is not None
    ]
    rejected = set()
    for rank, (p_value, i) in enumerate(sorted(numbered)):
        if p_value > false_alarm / (len(numbered) - rank):
            break
        rejected.add(i)
    level = false_alarm / max(1, len(numbered))
    return tuple(_judged(measure, failed=i in rejected, level=level) for i, measure in enumerate(measures))


def _judged(measure: Measure, *, failed: bool, level: float) -> Check:
    verdict = Verdict.HOLDS
    if measure.limit is not None:
        # A statistic that is no number keeps no limit.
        failed = not measure.statistic <= measure.limit
    elif measure.p_value is None:
        verdict = Verdict.NOT_APPLICABLE
    return Check(
        layer=measure.layer,
        check=measure.check,
        verdict=Verdict.FAILS if failed else verdict,
        statistic=measure.statistic,
        sentence=measure.sentence,
        p_value=measure.p_value,
        limit=measure.limit,
        catches=None if measure.catches is None else measure.catches(level),
        deviation=measure.deviation,
    )
