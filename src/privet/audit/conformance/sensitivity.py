"""Two data sets that differ in one unit: how far may their sums lie apart, and is anybody else's share touched?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from privet.audit.conformance.laboratory import SUBJECTS, Case, Row, Subject
from privet.audit.conformance.observed import Series, TrainerStopped, observe
from privet.audit.conformance.sampler import HARDLY_ANY_NOISE, ROUNDING
from privet.audit.conformance.trainer import StatedPlan, Trainer
from privet.audit.conformance.verdict import Measure
from privet.core.errors import InvalidParameter
from privet.core.neighbours import Relation

LAYER = "sensitivity"
CLIP_NORMS = (0.7, 20.0)
UNITS = 8
# Between the sums of others, with a unit there and without it; over the clip norm.
_UNTOUCHED = 1e-4
_WORST = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What one case showed, over the clip norm: the distance of the sums, and how far others' shares moved.

    ``stopped`` is the error that the trainer raised, if it did: it tells of one unit, and ends everybody's training.
    """

    where: str
    case: Case
    distance: float
    touched: float
    stopped: str | None = None


class Bench:
    """One network and one clip norm: sums of steps on data sets of eight units, all of whom take part."""

    def __init__(self, trainer: Trainer, subject: Subject, *, clip_norm: float, seed: int) -> None:
        self._trainer, self._subject, self._clip_norm, self._seed = trainer, subject, clip_norm, seed
        self._where = f"{subject.name}, clip norm {clip_norm:g}"
        self._others = subject.others(seed)
        self._with_nobody, _ = self._run([subject.null, *self._others])
        self._nobody_at_all, _ = self._run([subject.null] * UNITS)

    def _run(self, rows: list[Row]) -> tuple[Series, float]:
        """The sum of the only step, and its clip norm."""
        plan = StatedPlan(
            rate=1.0,
            clip_norm=self._clip_norm,
            noise_multiplier=HARDLY_ANY_NOISE,
            steps=1,
            expected_batch_size=float(UNITS),
        )
        terms = {"rows_per_unit": self._trainer.rows_per_unit, "seed": self._seed}
        run = observe(self._trainer, self._subject.job(plan, rows=rows, **terms))
        if not len(run):
            raise InvalidParameter(f"trainer {self._trainer.name!r} gave no step of a plan of one")
        return run.flat()[0], float(run.clip_norms[0])

    def cases(self) -> Iterator[Case]:
        return self._subject.cases(self._seed + 1, others=self._others)

    def try_on(self, case: Case) -> Found:
        """The case among others and alone. Shares that add up are those of units that do not touch each other."""
        try:
            among, clip_norm = self._run([case.row, *self._others])
            alone, _ = self._run([case.row, *[self._subject.null] * (UNITS - 1)])
        except TrainerStopped as error:
            return Found(self._where, case, np.inf, np.inf, stopped=error.kind)
        with np.errstate(invalid="ignore"):
            apart, own = among - self._with_nobody, alone - self._nobody_at_all
            return Found(self._where, case, _norm(apart) / clip_norm, _norm(apart - own) / clip_norm)

    def one_less(self) -> float:
        """How far others' shares move when the null row is not there at all, over the clip norm."""
        return _norm(self._run(self._others)[0] - self._with_nobody) / self._clip_norm


def sensitivity_measures(trainer: Trainer, *, seed: int) -> list[Measure]:
    """Search for a unit that moves the sum by more than the clip norm, or anybody else's share at all.

    Errors: TrainerStopped if the trainer refuses every network of the laboratory.
    """
    benches, refused = _benches(trainer, seed)
    found = [one for bench in benches for one in _search(bench)]
    searched = f"{len(found)} neighbours" + (f"; refused by name: {', '.join(refused)}" if refused else "")
    finite, broken = [one for one in found if one.case.finite], [one for one in found if not one.case.finite]
    return [
        _distance("sensitivity", finite, lambda one: one.distance, more=f" ({searched})"),
        _distance("non-finite examples", broken, lambda one: max(_size(one.distance), _size(one.touched))),
        _coupling(finite),
        _number(trainer, benches),
    ]


def _benches(trainer: Trainer, seed: int) -> tuple[list[Bench], list[str]]:
    """A network that the trainer refuses by an error does no harm; its name is kept."""
    benches, refused = [], []
    last: TrainerStopped | None = None
    for i, subject in enumerate(SUBJECTS):
        try:
            benches.append(Bench(trainer, subject, clip_norm=CLIP_NORMS[i % len(CLIP_NORMS)], seed=seed + 10 * i))
        except TrainerStopped as error:
            refused.append(f"{subject.name} ({error.kind})")
            last = error
    if not benches and last is not None:
        raise last
    return benches, refused


def _search(bench: Bench) -> list[Found]:
    """The stated cases, then the neighbourhood of those that went furthest."""
    found = [bench.try_on(case) for case in bench.cases()]
    furthest = sorted((one for one in found if one.case.finite), key=lambda one: _size(one.distance))[-_WORST:]
    return found + [bench.try_on(case) for one in furthest for case in one.case.nearby()]


def _distance(check: str, found: list[Found], how_far: Callable[[Found], float], *, more: str = "") -> Measure:
    worst = max(found, key=lambda one: _size(how_far(one)))
    far = _size(how_far(worst))
    moved = f"one unit moved the sum by up to {far:.6g} times the clip norm"
    stopped = f"training stopped over one unit's data ({worst.stopped})"
    return Measure(
        layer=LAYER,
        check=check,
        statistic=far,
        limit=1 + ROUNDING,
        catches=lambda level: ROUNDING,
        deviation="distance beyond the clip norm by",
        sentence=f"{moved if worst.stopped is None else stopped}: {worst.case.name}, {worst.where}{more}",
    )


def _coupling(found: list[Found]) -> Measure:
    worst = max(found, key=lambda f: _size(f.touched))
    return Measure(
        layer=LAYER,
        check="batch coupling",
        statistic=worst.touched,
        limit=_UNTOUCHED,
        catches=lambda level: _UNTOUCHED,
        deviation="others' shares moved, over the clip norm, by",
        sentence=f"others' shares moved by up to {worst.touched:.2g} times the clip norm: {worst.case.name}, "
        f"{worst.where}",
    )


def _number(trainer: Trainer, benches: list[Bench]) -> Measure:
    """Where units come and go, a divisor or a rate must not know how many there are."""
    check = "private number of units"
    if trainer.relation is not Relation.ADD_OR_REMOVE:
        why = f"the number of units is public under {trainer.relation}"
        return Measure(layer=LAYER, check=check, statistic=0.0, sentence=why)
    moved = max((bench.one_less() for bench in benches), key=_size)
    return Measure(
        layer=LAYER,
        check=check,
        statistic=moved,
        limit=_UNTOUCHED,
        catches=lambda level: _UNTOUCHED,
        deviation="others' shares moved, over the clip norm, by",
        sentence=f"one unit fewer in the data set moved the shares of the others by {moved:.2g} times the clip norm",
    )


def _norm(values: Series) -> float:
    return float(np.linalg.norm(values))


def _size(value: float) -> float:
    """What is no number is the worst of all."""
    return np.inf if np.isnan(value) else value
