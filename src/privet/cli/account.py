"""``privet account``: what mechanisms cost, how much noise a target needs, and what an epsilon means to a person."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.display import Json, emit_json, number, table
from privet.core.errors import InvalidParameter
from privet.core.neighbours import Relation

if TYPE_CHECKING:
    from privet.core.events import Event

app = typer.Typer(help="Accounting: prices, calibration, and what they mean.", no_args_is_help=True)

Multiplier = Annotated[float, typer.Option("--noise-multiplier", help="Noise stddev over clip norm, no unit.")]
Rate = Annotated[
    str | None, typer.Option("--sampling-rate", help="Chance of a unit to take part in a step; left out: all do.")
]
Units = Annotated[int | None, typer.Option("--units", help="With --max-batch-size: most units there may be.", min=1)]
MostInBatch = Annotated[
    int | None,
    typer.Option("--max-batch-size", help="Units of a sample beyond so many are left out by chance.", min=1),
]
EpochSteps = Annotated[
    int | None,
    typer.Option(
        "--steps-per-epoch", help="Instead of a rate: a unit takes part in one of so many steps, drawn anew.", min=1
    ),
]
Shuffled = Annotated[
    bool, typer.Option("--shuffled", help="With --steps-per-epoch: units are dealt out to steps together.")
]
Steps = Annotated[int | None, typer.Option("--steps", help="How many steps; left out: one.", min=1)]
DeltaOption = Annotated[float, typer.Option("--delta", help="Probability that the bound fails, such as 1e-6.")]
RelationOption = Annotated[Relation, typer.Option("--relation", help="Which data sets are neighbours.")]


def _training(
    rate: str | None,
    units: int | None,
    most: int | None,
    per_epoch: int | None,
    shuffled: bool,
    steps: int | None,
    relation: Relation,
) -> Callable[[float], Event]:
    """From the options of sampling to the event of a noise multiplier."""
    from privet.core.events import Gaussian, PoissonSampled, RandomlyAllocated, Repeated, TruncatedPoissonSampled
    from privet.core.exact import exact

    _require_one_sampling(rate, units, most, per_epoch, shuffled)
    if shuffled and relation is Relation.ADD_OR_REMOVE:
        raise InvalidParameter(f"shuffled steps are not priced under {relation}; use {Relation.ZERO_OUT}")
    count = steps or 1

    def event(noise_multiplier: float) -> Event:
        step = Gaussian(noise_multiplier)
        if per_epoch is not None:
            # An epoch that is begun is paid for whole. Of shuffling no more is known than that a unit is in one step.
            return Repeated(step if shuffled else RandomlyAllocated(per_epoch, step), math.ceil(count / per_epoch))
        if rate is None:
            return Repeated(step, count)
        chance = exact(rate, name="sampling rate")
        if units is None or most is None:
            return Repeated(PoissonSampled(chance, step), count)
        return Repeated(TruncatedPoissonSampled(chance, units, most, step), count)

    return event


def _require_one_sampling(
    rate: str | None, units: int | None, most: int | None, per_epoch: int | None, shuffled: bool
) -> None:
    if rate is not None and per_epoch is not None:
        raise InvalidParameter("both --sampling-rate and --steps-per-epoch were given; a unit is sampled in one way")
    if (units is None) != (most is None) or (most is not None and rate is None):
        raise InvalidParameter("a largest batch needs --sampling-rate, --units and --max-batch-size; give all three")
    if shuffled and per_epoch is None:
        raise InvalidParameter("--shuffled needs --steps-per-epoch; give both")


@app.command()
def price(
    noise_multiplier: Multiplier,
    delta: DeltaOption,
    relation: RelationOption,
    sampling_rate: Rate = None,
    units: Units = None,
    max_batch_size: MostInBatch = None,
    steps_per_epoch: EpochSteps = None,
    shuffled: Shuffled = False,
    steps: Steps = None,
    as_json: Json = False,
) -> None:
    """What a training run costs, by every accountant that soundly applies."""
    from privet.accounting import epsilon_by_engine

    make_event = _training(sampling_rate, units, max_batch_size, steps_per_epoch, shuffled, steps, relation)
    found = epsilon_by_engine(make_event(noise_multiplier), relation=relation, delta=delta)
    if as_json:
        emit_json(found)
        return
    rows = [(engine, number(epsilon)) for engine, epsilon in sorted(found.items(), key=lambda item: item[1])]
    table(f"epsilon at delta {delta:g}", columns=["accountant", "epsilon"], rows=rows)


@app.command()
def calibrate(
    epsilon: Annotated[float, typer.Option("--epsilon", help="Target privacy loss, in nats.")],
    delta: DeltaOption,
    relation: RelationOption,
    sampling_rate: Rate = None,
    units: Units = None,
    max_batch_size: MostInBatch = None,
    steps_per_epoch: EpochSteps = None,
    shuffled: Shuffled = False,
    steps: Steps = None,
    as_json: Json = False,
) -> None:
    """Smallest noise multiplier that keeps a target."""
    from privet.accounting import calibrate_noise

    make_event = _training(sampling_rate, units, max_batch_size, steps_per_epoch, shuffled, steps, relation)
    found = calibrate_noise(make_event, relation=relation, epsilon=epsilon, delta=delta)
    if as_json:
        emit_json({"noise_multiplier": float(found)})
    else:
        typer.echo(f"noise multiplier {float(found):.5g}")


@app.command()
def risk(
    noise_multiplier: Multiplier,
    delta: DeltaOption,
    relation: RelationOption,
    sampling_rate: Rate = None,
    units: Units = None,
    max_batch_size: MostInBatch = None,
    steps_per_epoch: EpochSteps = None,
    shuffled: Shuffled = False,
    steps: Steps = None,
    as_json: Json = False,
) -> None:
    """What a guarantee means to a person: read off the whole curve, beside what epsilon and delta alone say."""
    from privet.accounting.price import price
    from privet.accounting.risk import in_words, risk, worst_case_risk
    from privet.core.guarantees import ApproxDP

    event = _training(sampling_rate, units, max_batch_size, steps_per_epoch, shuffled, steps, relation)(
        noise_multiplier
    )
    point = price(event, relation=relation, delta=delta).point
    curve = risk(event, relation=relation)
    epsilon = float(point.epsilon) if isinstance(point, ApproxDP) else float("inf")
    worst = worst_case_risk(epsilon=epsilon, delta=delta)
    shares = {
        "best attack accuracy at even odds": (curve.attack_accuracy, worst.attack_accuracy),
        "members found at 1 % false alarms": (curve.true_positive_rate(0.01), worst.true_positive_rate(0.01)),
        "members found at 0.1 % false alarms": (curve.true_positive_rate(0.001), worst.true_positive_rate(0.001)),
        "belief in membership, from one half": (curve.posterior(0.5), worst.posterior(0.5)),
    }
    if as_json:
        read = {
            name: {"whole_curve": whole, "epsilon_and_delta_alone": alone} for name, (whole, alone) in shares.items()
        }
        emit_json({"epsilon": epsilon, "delta": delta, "at_most": read, "in_words": in_words(curve)})
        return
    rows = [(name, f"{whole:.2%}", f"{alone:.2%}") for name, (whole, alone) in shares.items()]
    columns = ["what an attacker can reach at most", "whole curve", "epsilon and delta alone"]
    table(f"epsilon {number(epsilon)} at delta {delta:g}", columns=columns, rows=rows)
    typer.echo(in_words(curve))
