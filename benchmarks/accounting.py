"""Calibration and pricing, ours beside dp-accounting used as its documentation shows, interleaved in one run."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

import dp_accounting
from dp_accounting import pld, rdp

from measuring import interleaved_seconds, keep, show, timed
from privet.accounting import calibrate_noise, loss_distribution, renyi
from privet.accounting import price as price_module
from privet.accounting.price import price
from privet.accounting.risk import risk, worst_case_risk
from privet.core.events import Event, Gaussian, PoissonSampled, Repeated
from privet.core.guarantees import ApproxDP
from privet.core.neighbours import Relation

RATE, STEPS, DELTA = Fraction(1, 100), 10_000, 1e-5
EPSILONS = (1, 3, 8)


def event(sigma: float) -> Event:
    return Repeated(PoissonSampled(RATE, Gaussian(sigma)), STEPS)


def theirs(sigma: float) -> dp_accounting.DpEvent:
    return dp_accounting.SelfComposedDpEvent(
        dp_accounting.PoissonSampledDpEvent(float(RATE), dp_accounting.GaussianDpEvent(sigma)), STEPS
    )


def forget() -> None:
    """Nothing is remembered from round to round."""
    loss_distribution._composed.cache_clear()
    renyi._leaf_curve.cache_clear()
    price_module._price.cache_clear()


def calibrate(epsilon: float) -> float:
    forget()
    return float(calibrate_noise(event, relation=Relation.ADD_OR_REMOVE, epsilon=epsilon, delta=DELTA))


def calibrate_peer(epsilon: float, accountant: type, **settings: float) -> float:
    """As its documentation shows; ``tol`` where it is given the tolerance that ours has."""
    return float(dp_accounting.calibrate_dp_mechanism(accountant, theirs, epsilon, DELTA, **settings))


def price_ours(sigma: float) -> float:
    forget()
    point = price(event(sigma), relation=Relation.ADD_OR_REMOVE, delta=DELTA).point
    return float(point.epsilon) if isinstance(point, ApproxDP) else float("inf")


def show_risk() -> dict[str, dict[str, float]]:
    """What epsilon means to a person for DP-SGD with q = 0.02 and 500 steps: the whole curve beside the point alone."""

    def training(sigma: float) -> Event:
        return Repeated(PoissonSampled(Fraction(2, 100), Gaussian(sigma)), 500)

    found = {}
    for epsilon in (1, 2, 4, 8):
        sigma = float(calibrate_noise(training, relation=Relation.ADD_OR_REMOVE, epsilon=epsilon, delta=DELTA))
        whole, alone = (
            risk(training(sigma), relation=Relation.ADD_OR_REMOVE),
            worst_case_risk(epsilon=epsilon, delta=DELTA),
        )
        found[f"epsilon {epsilon}"] = {
            "accuracy": 100 * whole.attack_accuracy,
            "accuracy, point alone": 100 * alone.attack_accuracy,
            "TPR at 1 %": 100 * whole.true_positive_rate(0.01),
            "TPR at 1 %, point alone": 100 * alone.true_positive_rate(0.01),
            "TPR at 0.1 %": 100 * whole.true_positive_rate(0.001),
            "TPR at 0.1 %, point alone": 100 * alone.true_positive_rate(0.001),
        }
    columns = ["", *next(iter(found.values()))]
    show("Best attack on DP-SGD, q = 0.02, 500 steps, in percent", columns=columns,
         rows=[[name, *values.values()] for name, values in found.items()])  # fmt: skip
    return found


class Bench:
    """Works by name; each remembers what it found."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}
        self.works: dict[str, Callable[[], float]] = {}

    def add(self, name: str, function: Callable[[], float]) -> None:
        def once() -> None:
            self.found[name] = function()

        self.works[name] = timed(once)


def main() -> None:
    calibrate(2)  # the first call loads scipy and dp-accounting
    often, once = Bench(), Bench()
    for epsilon in EPSILONS:
        often.add(f"Privet: calibrate, epsilon {epsilon}", partial(calibrate, epsilon))
        renyi_search = partial(calibrate_peer, epsilon, rdp.RdpAccountant)
        often.add(f"dp-accounting RDP: calibrate, epsilon {epsilon}", renyi_search)
        name = f"dp-accounting PLD: calibrate, epsilon {epsilon}"
        peer = partial(calibrate_peer, epsilon, pld.PLDAccountant)
        once.add(name, peer)
        once.add(f"{name}, tolerance 1e-3", partial(peer, tol=1e-3))
    often.add("Privet: price, sigma 1", partial(price_ours, 1.0))
    often.add("dp-accounting PLD: price, sigma 1", lambda: pld.PLDAccountant().compose(theirs(1.0)).get_epsilon(DELTA))
    # A bare search over loss distributions takes most of a minute, so it is run once.
    medians = interleaved_seconds(often.works, rounds=5) | {name: work() for name, work in once.works.items()}
    found = often.found | once.found
    rows = [[name, seconds, found[name]] for name, seconds in medians.items()]
    show(
        f"Accounting, q = {float(RATE):g}, {STEPS:,} steps, delta {DELTA:g} (median of 5; peer's PLD searches once)",
        columns=["what", "seconds", "found (noise multiplier, or epsilon)"],
        rows=rows,
    )
    body = {name: {"seconds": seconds, "found": found[name]} for name, seconds in medians.items()}
    keep("accounting", {"speed": body, "risk_percent": show_risk()}, packages=["dp-accounting", "scipy", "numpy"])


if __name__ == "__main__":
    main()
