"""A network's noisy full-batch descent: the law, the bound, the released numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.core.neighbours import PrivacyUnit, Relation  # noqa: E402
from privet.noise.secure import SecureNoise  # noqa: E402
from privet.noise.simulation import generator  # noqa: E402
from privet.training import networks  # noqa: E402
from privet.training.linear import LabelledRows  # noqa: E402
from privet.training.models import NetworkModel, model_from_json  # noqa: E402
from privet.training.networks import descend_network  # noqa: E402
from privet.training.plan import FullBatchPlan  # noqa: E402


def plan(*, steps: int = 1, noise: float = 1e-6, clip: float = 1.0, expected: float = 10.0) -> FullBatchPlan:
    return FullBatchPlan("net", PrivacyUnit("row"), Relation.ADD_OR_REMOVE, clip, noise, steps, expected)


def rows(count: int, *, units=None, seed: int = 1) -> LabelledRows:
    chance = generator(seed)
    x = chance.normal(size=(count, 3))
    return LabelledRows(x, (x[:, 0] * x[:, 1] > 0).astype(np.int64), units)


def trained(data: LabelledRows, *, of: FullBatchPlan, hidden=(4,)) -> NetworkModel:
    noise = SecureNoise()
    return descend_network(data, plan=of, steps=[noise] * of.steps, hidden=hidden, names=("a", "b", "c"))


def numbers(model: NetworkModel) -> np.ndarray:
    return np.concatenate([np.r_[np.ravel(layer.weight), layer.bias] for layer in model.layers])


def moved(data: LabelledRows, **settings) -> np.ndarray:
    """The noiseless step, in the unit of the clip norm times the expected units."""
    first = trained(LabelledRows(np.zeros((0, 3)), np.zeros(0, np.int64)), of=plan(**settings))
    return (numbers(trained(data, of=plan(**settings))) - numbers(first)) * 10.0


ROWS = st.lists(st.tuples(st.floats(-1e30, 1e30), st.floats(-9, 9), st.just(1.0), st.integers(0, 1)), max_size=6)


@settings(max_examples=40)
@given(ROWS, ROWS, st.sampled_from([1.0, 0.1]))
def test_a_unit_that_comes_moves_a_step_by_less_than_the_clip_norm(others, own, clip: float) -> None:
    """Searched over neighbours: whatever the unit's rows hold, and however many it has."""

    def data(groups):
        flat = [row for group in groups for row in group]
        units = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        x = np.asarray([row[:3] for row in flat], dtype=np.float64).reshape(-1, 3)
        return LabelledRows(x, np.asarray([row[3] for row in flat], dtype=np.int64), units)

    groups = [[row] for row in others]
    without, with_it = moved(data(groups), clip=clip), moved(data([*groups, own]), clip=clip)
    # The learning rate of the first step is 1, in the unit of the clip norm.
    assert np.linalg.norm(with_it - without) < 1 + 1e-3


def test_the_bound_is_nearly_reached() -> None:
    alone = LabelledRows(np.asarray([[300.0, -200.0, 1.0]]), np.asarray([1]))
    assert 0.9 < np.linalg.norm(moved(alone)) <= 1


def test_a_unit_s_rows_are_one_before_clipping() -> None:
    data = rows(40)
    apart = moved(data)
    together = moved(LabelledRows(data.features, data.labels, np.zeros(40, np.int64)))
    assert np.linalg.norm(together) <= 1 < np.linalg.norm(apart)


def test_pieces_of_rows_change_nothing(monkeypatch) -> None:
    data = rows(50, units=generator(3).integers(0, 12, 50))
    whole = moved(data)
    monkeypatch.setattr(networks, "_ROWS", 7)
    np.testing.assert_allclose(moved(data), whole, atol=2e-4)


@pytest.mark.statistical
def test_noise_has_the_plan_s_deviation_and_ten_percent_off_is_rejected() -> None:
    nobody = LabelledRows(np.zeros((0, 3)), np.zeros(0, np.int64))
    start = numbers(trained(nobody, of=plan()))
    # So little noise for so many expected units that the learning rate stays whole.
    steps = [numbers(trained(nobody, of=plan(noise=2.0, clip=0.5, expected=500.0))) - start for _ in range(400)]
    drawn = np.concatenate(steps) * 500.0
    assert stats.kstest(drawn / 2.0, "norm").pvalue > 1e-6
    low, high = stats.chi2.ppf([1e-6, 1 - 1e-6], drawn.size)
    assert low < (drawn / 2.0).var() * drawn.size < high
    for wrong in (1.8, 2.2):
        # How often a deviation that is so far off would pass.
        passed = np.diff(stats.chi2.cdf(np.asarray([low, high]) * (2.0 / wrong) ** 2, drawn.size))[0]
        assert passed < 1e-6


def test_it_learns_what_no_line_can() -> None:
    data = rows(4000)
    model = trained(data, of=plan(steps=150, noise=20.0, expected=4000.0), hidden=(16,))
    assert (model.predict(data.features) == data.labels).mean() > 0.8
    again = model_from_json(json.loads(json.dumps(model.to_json())))
    assert again == model
    assert np.array_equal(again.positive_probability(data.features), model.positive_probability(data.features))


@pytest.mark.parametrize("hidden", [(), (0,), (3, -1)])
def test_layers_without_units_are_refused(hidden) -> None:
    with pytest.raises(InvalidParameter, match="hidden is"):
        trained(rows(3), of=plan(), hidden=hidden)
