"""Correlated noise under a user's loop: its covariance, its price, and what it asks of the sampling."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from privet.accounting.price import price  # noqa: E402
from privet.core.errors import InvalidParameter, PermitError  # noqa: E402
from privet.core.events import Gaussian  # noqa: E402
from privet.core.neighbours import Relation  # noqa: E402
from privet.training.correlated import (  # noqa: E402
    BandedToeplitz,
    CorrelatedNoise,
    TreeAggregation,
    optimise_buffered,
)
from privet.training.correlated.strategy import Participation  # noqa: E402
from privet.training.engine import PrivacyEngine  # noqa: E402
from privet.training.sampling import FullBatch, ShuffledBatches  # noqa: E402

from ..engine.loops import data, epoch, network, people, private  # noqa: E402

IN_ORDER = ShuffledBatches(units=400, batch_size=100, same_order=True)


def noise_of_steps(optimizer, count: int, expected: float) -> np.ndarray:
    """Rows are steps."""
    rows = []
    for _ in range(count):
        optimizer.zero_grad()
        optimizer.step()
        rows.append(torch.cat([p.grad.flatten() for group in optimizer.param_groups for p in group["params"]]).numpy())
    return np.stack(rows) * expected


@pytest.mark.parametrize("relation", [Relation.ZERO_OUT, Relation.REPLACE_ONE])
def test_the_noise_has_the_covariance_that_is_paid_for(relation: Relation) -> None:
    strategy = BandedToeplitz(8, (1.0, 0.5, 0.25))
    module = torch.nn.Linear(8, 6000)
    _, _, optimizer, _ = private(
        module=module, lr=0.0, clip=0.3, sigma=CorrelatedNoise(2.0, strategy), sampling=IN_ORDER, epochs=2,
        relation=relation,
    )  # fmt: skip
    drawn = noise_of_steps(optimizer, 8, 100.0)
    matrix = sum(np.diag(np.full(8 - k, c), -k) for k, c in enumerate(strategy.coefficients))
    whitened = matrix @ drawn
    # C times the noise is independent, of multiplier times clip norm times the sensitivity of two visits four apart.
    expected = 2.0 * 0.3 * strategy.sensitivity(Participation(2, 4)) * relation.sum_sensitivity_factor
    np.testing.assert_allclose(whitened.std(1), expected, rtol=0.02)
    correlations = np.corrcoef(whitened) - np.eye(8)
    assert np.abs(correlations).max() < 6 / np.sqrt(drawn.shape[1])
    assert np.corrcoef(drawn)[0, 1] < -0.3


def test_the_whole_plan_is_one_gaussian_mechanism() -> None:
    account = people()
    engine, model, optimizer, loader = private(
        sigma=CorrelatedNoise(3.0, TreeAggregation(12)), sampling=IN_ORDER, epochs=3, account=account
    )
    expected = float(price(Gaussian(3), relation=Relation.ZERO_OUT, delta=1e-5).point.epsilon)
    epoch(model, optimizer, loader)
    assert engine.get_epsilon(1e-5) == expected
    for _ in range(2):
        epoch(model, optimizer, loader)
    assert engine.get_epsilon(1e-5) == expected
    with pytest.raises(PermitError):
        epoch(model, optimizer, loader)
    engine.release(model)


def test_the_least_noise_for_a_target_and_learning() -> None:
    several = Participation(5, 20)
    strategy = optimise_buffered(100, buffers=3, participation=several)
    module, engine = network(), PrivacyEngine()
    dataset = data(2000)
    model, optimizer, loader = engine.make_private_with_epsilon(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.3),
        data_loader=torch.utils.data.DataLoader(dataset, batch_size=100),
        target_epsilon=3.0,
        target_delta=1e-5,
        epochs=5,
        max_grad_norm=1.0,
        sampling=ShuffledBatches(units=2000, batch_size=100, same_order=True),
        noise=lambda sigma: CorrelatedNoise(sigma, strategy),
    )
    for _ in range(5):
        epoch(model, optimizer, loader)
    assert 2.99 < engine.get_epsilon(1e-5) <= 3.0
    held = data(1000, seed=9).tensors
    assert (model.eval()(held[0]).argmax(1) == held[1]).float().mean() > 0.8


def test_a_checkpoint_keeps_the_noise_that_is_still_to_cancel(tmp_path) -> None:
    strategy = BandedToeplitz(8, (1.0, 0.5, 0.25))
    terms = {"lr": 0.0, "sigma": CorrelatedNoise(2.0, strategy), "sampling": IN_ORDER, "epochs": 2}
    first = torch.nn.Linear(8, 4000)
    engine, model, optimizer, _ = private(module=first, **terms)
    before = noise_of_steps(optimizer, 1, 100.0)[0]
    engine.save_checkpoint(path=tmp_path / "a", module=model, optimizer=optimizer)
    _, _, optimizer, _ = private(module=torch.nn.Linear(8, 4000), resume=tmp_path / "a", **terms)
    after = noise_of_steps(optimizer, 1, 100.0)[0]
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(-0.5 / np.sqrt(1.25), abs=0.05)


def test_samplings_and_clippings_without_a_price_are_refused() -> None:
    noise = CorrelatedNoise(2.0, TreeAggregation(10))
    with pytest.raises(InvalidParameter, match="PoissonSampling"):
        private(sigma=noise, epochs=1)
    with pytest.raises(InvalidParameter, match="for 10 steps, the plan has 12"):
        private(sigma=noise, epochs=3, sampling=IN_ORDER)
    with pytest.raises(InvalidParameter, match="releases more"):
        private(sigma=noise, epochs=2, sampling=IN_ORDER, clipping="adaptive")
    with pytest.raises(InvalidParameter, match="cannot change"):
        private(sigma=noise, epochs=2, sampling=IN_ORDER)[2].noise_multiplier = 1.0
    private(sigma=noise, epochs=10, sampling=FullBatch(400))
