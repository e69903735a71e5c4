"""``privet account``: what mechanisms cost, how much noise a target needs, and what an epsilon means to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.display import Json, emit_json, number, table
from privet.core.neighbours import Relation

if TYPE_CHECKING:
    from privet.core.events import Event

app = typer.Typer(help="Accounting: prices, calibration, and what they mean.", no_args_is_help=True)

Multiplier = Annotated[float, typer.Option("--noise-multiplier", help="Noise stddev over clip norm, no unit.")]
Rate = Annotated[
    str | None, typer.Option("--sampling-rate", help="Chance of a unit to take part in a step; left out: all do.")
]
Steps = Annotated[int | None, typer.Option("--steps", help="How many steps; left out: one.", min=1)]
DeltaOption = Annotated[float, typer.Option("--delta", help="Probability that the bound fails, such as 1e-6.")]
RelationOption = Annotated[Relation, typer.Option("--relation", help="Which data sets are neighbours.")]


def _training(noise_multiplier: float, rate: str | None, steps: int | None) -> Event:
    from privet.core.events import Gaussian, PoissonSampled, Repeated
    from privet.core.exact import exact

    step: Event = Gaussian(noise_multiplier)
    sampled = step if rate is None else PoissonSampled(exact(rate, name="sampling rate"), step)
    return Repeated(sampled, steps or 1)


@app.command()
def price(
    noise_multiplier: Multiplier,
    delta: DeltaOption,
    relation: RelationOption,
    sampling_rate: Rate = None,
    steps: Steps = None,
    as_json: Json = False,
) -> None:
    """What a training run costs, by every accountant that soundly applies."""
    from privet.accounting import epsilon_by_engine

    found = epsilon_by_engine(_training(noise_multiplier, sampling_rate, steps), relation=relation, delta=delta)
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
    steps: Steps = None,
    as_json: Json = False,
) -> None:
    """Smallest noise multiplier that keeps a target."""
    from privet.accounting import calibrate_noise

    found = calibrate_noise(
        lambda sigma: _training(float(sigma), sampling_rate, steps), relation=relation, epsilon=epsilon, delta=delta
    )
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
    steps: Steps = None,
    as_json: Json = False,
) -> None:
    """What a guarantee means to a person: read off the whole curve, beside what epsilon and delta alone say."""
    from privet.accounting.price import price
    from privet.accounting.risk import in_words, risk, worst_case_risk
    from privet.core.guarantees import ApproxDP

    event = _training(noise_multiplier, sampling_rate, steps)
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
