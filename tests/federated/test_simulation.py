"""Federated training: the same mathematics as one site, noise at every site, one claim for all of it."""

from __future__ import annotations

import numpy as np
import pytest

from privet.core.errors import InvalidParameter
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.sealed import Private
from privet.core.units import ClipNorm, NoiseMultiplier
from privet.federated.privacy import FederatedPlan
from privet.federated.simulator import make_sites, simulate
from privet.federated.strategies.fed_avg import STRATEGY
from privet.ledger import Ledger
from privet.noise.simulation import SeededNoise, generator
from privet.training.descent import Descent, advance, learning_rate, noisy_gradient
from privet.training.linear import LabelledRows

PERSON = PrivacyUnit("person")


def rows_of(count: int, seed: int = 1) -> LabelledRows:
    chance = generator(seed)
    x = chance.uniform(-1, 1, (count, 2))
    features = np.column_stack([x, np.ones(count)]) / np.sqrt(3)
    return LabelledRows(features, (x[:, 0] > 0.2).astype(int))


def plan_of(*, rounds: int = 10, local_steps: int = 3, sites: int = 4, multiplier: float = 5.0, units: float = 4000):
    return FederatedPlan(
        "federated",
        PERSON,
        Relation.ADD_OR_REMOVE,
        ClipNorm(1.0),
        NoiseMultiplier(multiplier),
        rounds,
        local_steps,
        units,
        (1 / sites,) * sites,
    )


class Silent:
    noise_class = "none"

    def gaussian(self, *, stddev: float, size: int):
        return np.zeros(size)


def run(plan: FederatedPlan, rows: LabelledRows, *, noise, secure: bool):
    site_of = np.arange(len(rows)) % len(plan.shares)
    sites = make_sites(rows, plan=plan, site_of=site_of)
    return simulate(
        sites, plan=plan, strategy=STRATEGY, steps=iter([noise] * plan.steps), max_row_norm=1.0, secure_sum=secure
    )


def test_one_local_step_is_central_training() -> None:
    """With equal sites and one local step, the mean of the sites' updates is one step on all rows."""
    rows, plan = rows_of(4000), plan_of(rounds=6, local_steps=1)
    together = run(plan, rows, noise=Silent(), secure=False).weights
    central = plan.site_plan(0)
    object.__setattr__(central, "expected_units", 4000.0)
    state, kept = Descent.start(3), []
    for number in range(6):
        gradient = noisy_gradient(state.weights, rows=rows, plan=central, noise=Silent())  # type: ignore[arg-type]
        state = advance(state, gradient=gradient, learning_rate=learning_rate(1.0), averaging=False)
        if number >= 3:
            kept.append(state.weights)
    np.testing.assert_allclose(together, np.mean(kept, axis=0), atol=1e-6)


def test_masks_change_nothing_but_the_grid() -> None:
    rows, plan = rows_of(800), plan_of(units=800)
    plain, masked = (run(plan, rows, noise=SeededNoise(4), secure=secure) for secure in (False, True))
    # The same seed would have to give the same noise; the two runs draw one after another, so seeds are renewed.
    assert plain.weights.shape == masked.weights.shape
    plain, masked = (run(plan, rows, noise=Silent(), secure=secure) for secure in (False, True))
    np.testing.assert_allclose(plain.weights, masked.weights, atol=1e-4)
    assert masked.bytes_up == 4 * 3


def test_it_learns() -> None:
    rows = rows_of(8000)
    weights = run(plan_of(rounds=20, local_steps=4, units=8000), rows, noise=SeededNoise(7), secure=True).weights
    assert ((rows.features @ weights > 0) == rows.labels).mean() > 0.85


def test_every_site_draws_in_every_step() -> None:
    draws = []

    class Counting(Silent):
        def gaussian(self, *, stddev: float, size: int):
            draws.append(stddev)
            return np.zeros(size)

    plan = plan_of(rounds=2, local_steps=3)
    run(plan, rows_of(100), noise=Counting(), secure=True)
    assert len(draws) == plan.steps * plan.draws_per_step == 2 * 3 * 4
    assert set(draws) == {5.0}


def test_a_unit_touches_only_its_own_site() -> None:
    """Adding a person to one site leaves what every other site computes as it was."""
    rows, plan = rows_of(400), plan_of(units=400)
    more = LabelledRows(np.vstack([rows.features, [[0.5, 0.5, 0.5]]]), np.append(rows.labels, 1))
    before = make_sites(rows, plan=plan, site_of=np.arange(400) % 4)
    after = make_sites(more, plan=plan, site_of=np.append(np.arange(400) % 4, 2))
    changed = [a.name for a, b in zip(before, after, strict=True) if len(a.rows) != len(b.rows)]
    assert changed == ["site-3"]


def test_one_claim_pays_for_every_round_and_permits_cover_every_site() -> None:
    plan, rows = plan_of(rounds=3, local_steps=2, multiplier=40.0), rows_of(400)
    account = Ledger.in_memory().create_account(
        "p", unit=PERSON, relation=Relation.ADD_OR_REMOVE, epsilon=1, delta=1e-5
    )
    with account.open(plan, Private.wrap(rows, account="p")) as work:
        sites = make_sites(work.data, plan=plan, site_of=np.arange(400) % 4)
        trained = simulate(sites, plan=plan, strategy=STRATEGY, steps=work.steps(), max_row_norm=1.0, secure_sum=True)
        work.release(trained.weights)
    (claim,) = account.history()
    assert claim.steps == claim.drawn == 6
    assert str(claim.state) == "committed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"relation": Relation.REPLACE_ONE}, "replace-one"),
        ({"rounds": 0}, "at least 1"),
        ({"shares": (1.0,)}, "two public numbers"),
        ({"shares": (0.5, 0.6)}, "add up to 1"),
    ],
)
def test_plans_that_cannot_be_kept_are_refused(change: dict[str, object], words: str) -> None:
    import dataclasses

    with pytest.raises(InvalidParameter, match=words):
        dataclasses.replace(plan_of(), **change)  # type: ignore[arg-type]
