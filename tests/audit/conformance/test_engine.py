"""Our own engine, in every setting, keeps what it states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from privet.audit.conformance import StatedPlan, StatedSampling, Verdict, audit_trainer, engine_trainer  # noqa: E402
from privet.audit.conformance.audit import PARTS  # noqa: E402
from privet.audit.conformance.engine import mixing_of  # noqa: E402
from privet.core.errors import InvalidParameter  # noqa: E402
from privet.core.neighbours import Relation  # noqa: E402
from privet.training.clipping import AdaptiveClipping  # noqa: E402
from privet.training.correlated import CorrelatedNoise, TreeAggregation, optimise_banded  # noqa: E402
from privet.training.correlated.strategy import Participation  # noqa: E402
from privet.training.sampling import BallsInBins, FullBatch, ShuffledBatches  # noqa: E402
from privet.training.schedules import Exponential  # noqa: E402

# Noise is drawn by the operating system's chance here, so that every run is another: a million of them may fail once.
FALSE_ALARM = 1e-6


def full(plan: StatedPlan) -> FullBatch:
    return FullBatch(plan.expected_batch_size)


def same_order(plan: StatedPlan) -> ShuffledBatches:
    return ShuffledBatches(units=plan.units, batch_size=round(plan.expected_batch_size), same_order=True)


def balls(plan: StatedPlan) -> BallsInBins:
    return BallsInBins(steps_per_epoch=plan.steps_per_epoch, expected_batch_size=plan.expected_batch_size)


def adaptive(plan: StatedPlan) -> AdaptiveClipping:
    return AdaptiveClipping(plan.clip_norm, count_noise=2.0)


def banded(noise_multiplier: float) -> CorrelatedNoise:
    strategy = optimise_banded(64, bands=4, participation=Participation(12, 4))
    return CorrelatedNoise(noise_multiplier, strategy)


def tree(noise_multiplier: float) -> CorrelatedNoise:
    return CorrelatedNoise(noise_multiplier, TreeAggregation(steps=64))


SETTINGS: dict[str, dict[str, Any]] = {
    "flat clipping, Poisson": {},
    "clipping per layer, shuffled": {"clipping": "per_layer", "poisson_sampling": False},
    "full batch, one exchanged": {"sampling": full, "relation": Relation.REPLACE_ONE},
    "adaptive clipping, pieces": {"clipping": adaptive, "pieces": 20},
    "users of two examples, pieces": {"rows_per_unit": 2, "pieces": 40},
    "balls in bins, units come and go": {"sampling": balls, "relation": Relation.ADD_OR_REMOVE},
    "units come and go, Adam, noise that falls": {
        "relation": Relation.ADD_OR_REMOVE,
        "optimizer": torch.optim.Adam,
        "noise": lambda noise_multiplier: Exponential(noise_multiplier, gamma=0.9, every=16),
    },
    "banded noise, same order": {"sampling": same_order, "noise": banded},
    "tree noise, full batch, automatic clipping": {"sampling": full, "noise": tree, "clipping": "automatic"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_engine_keeps_what_it_states(setting: str) -> None:
    steps = 64 if SETTINGS[setting] else None
    # What a unit adds hangs neither on who else is drawn nor on the correlation of noise.
    parts = ["sampler", "noise"] if SETTINGS[setting].get("sampling") in (balls, same_order) else PARTS
    report = audit_trainer(engine_trainer(**SETTINGS[setting]), false_alarm=FALSE_ALARM, steps=steps, parts=parts)
    assert report.passed, [found.sentence for found in report.checks if found.verdict is Verdict.FAILS]
    assert len(report.checks) >= 12
    # A module that mixes examples is refused by name.
    searched = [check.sentence for check in report.checks if check.check == "sensitivity"]
    assert all("batch normalisation (UnsupportedModule)" in sentence for sentence in searched)
    assert len(searched) == (parts is PARTS)


def test_the_mixing_of_a_strategy_is_the_inverse_of_its_matrix() -> None:
    strategy = optimise_banded(6, bands=2, participation=Participation(1, 1), normalised=False)
    matrix = np.eye(6) + strategy.coefficients[1] * np.eye(6, k=-1)
    np.testing.assert_allclose(mixing_of(strategy, 6) @ matrix, np.eye(6), atol=1e-6)


def test_what_there_is_no_check_for_is_refused() -> None:
    assert engine_trainer(sampling=lambda plan: {}, stated=StatedSampling.POISSON).sampling is StatedSampling.POISSON
    with pytest.raises(InvalidParameter, match="no check for dict"):
        engine_trainer(sampling=lambda plan: {})
    with pytest.raises(InvalidParameter, match="correlated noise cannot be checked"):
        engine_trainer(poisson_sampling=False, noise=tree)
