"""Samplers do what their prices say: who takes part, how often, and what that costs."""

from __future__ import annotations

import copy
import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet.accounting.price import price
from privet.core.errors import InvalidParameter, PermitError
from privet.core.events import Gaussian, NoRelease, PoissonSampled, Repeated
from privet.core.neighbours import Relation
from privet.noise.sampling import shuffled_orders
from privet.training.sampling import FullBatch, PoissonSampling, ShuffledBatches

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from ..engine.loops import data, epoch, private  # noqa: E402
from ..per_example import reference  # noqa: E402


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_every_order_is_as_likely() -> None:
    found = Counter(tuple(next(shuffled_orders(key(n), count=4, again=True)).tolist()) for n in range(12_000))
    assert len(found) == 24
    assert stats.chisquare(list(found.values())).pvalue > 1e-6
    orders = shuffled_orders(key(1), count=4, again=True)
    later = Counter(tuple(next(orders).tolist()) for _ in range(12_000))
    assert stats.chisquare([later[order] for order in itertools.permutations(range(4))]).pvalue > 1e-6


def test_the_same_order_is_the_same() -> None:
    orders = shuffled_orders(key(3), count=50, again=False)
    first = next(orders)
    assert all(np.array_equal(first, next(orders)) for _ in range(3))
    assert not np.array_equal(first, next(shuffled_orders(key(4), count=50, again=False)))


@pytest.mark.parametrize(("units", "size"), [(10, 4), (12, 4), (7, 7), (5, 9), (1, 1), (1000, 64)])
@pytest.mark.parametrize("same", [True, False])
def test_a_unit_takes_part_once_an_epoch_and_batches_are_even(units: int, size: int, same: bool) -> None:
    scheme = ShuffledBatches(units=units, batch_size=size, same_order=same)
    steps = scheme.steps_per_epoch
    batches = [batch for batch, _ in zip(scheme.batches(key(7), count=units), range(3 * steps), strict=False)]
    for number in range(3):
        taken = np.concatenate(batches[number * steps : (number + 1) * steps])
        assert sorted(taken.tolist()) == list(range(units))
    assert all(abs(len(batch) - scheme.expected_batch_size) < 1 for batch in batches)
    assert all(len(batch) <= size for batch in batches)
    most, apart = scheme.participation(3 * steps)
    places = {unit: [n for n, batch in enumerate(batches) if unit in batch] for unit in range(units)}
    assert max(map(len, places.values())) == most == 3
    gaps = [b - a for where in places.values() for a, b in itertools.pairwise(where)]
    assert min(gaps) >= apart
    if same:
        assert set(gaps) == {apart}


def test_prices_are_those_of_what_runs() -> None:
    step = Gaussian(2)
    shuffled = ShuffledBatches(units=100, batch_size=10)
    assert shuffled.event(step, steps=0) == NoRelease()
    assert shuffled.event(step, steps=1) == shuffled.event(step, steps=10) == Repeated(step, 1)
    assert shuffled.event(step, steps=11) == Repeated(step, 2)
    assert FullBatch(100).event(step, steps=5) == Repeated(step, 5)
    sampled = PoissonSampling(Fraction(1, 10), expected_batch_size=10)
    assert sampled.event(step, steps=4) == Repeated(PoissonSampled(Fraction(1, 10), step), 4)


def test_shuffling_is_never_priced_as_poisson_sampling() -> None:
    """In 1,000 steps of noise 0.7, Poisson's price is 0.61; nobody has proven better than that of the unsampled."""
    shuffled = ShuffledBatches(units=100_000, batch_size=100).event(Gaussian(0.7), steps=1000)
    poisson = PoissonSampling(Fraction(1, 1000), expected_batch_size=100).event(Gaussian(0.7), steps=1000)
    dear, cheap = (
        float(price(event, relation=Relation.ZERO_OUT, delta=1e-5).point.epsilon) for event in (shuffled, poisson)
    )
    # What one step tells of one unit is a bound that shuffling does not fall below by much: at least 6.5 (Chua 2024).
    assert dear > 6.5 > cheap


@pytest.mark.parametrize("relation", list(Relation))
def test_relations_with_and_without_a_price(relation: Relation) -> None:
    FullBatch(5).require(relation)
    for scheme, unpriced in (
        (ShuffledBatches(units=5, batch_size=2), Relation.ADD_OR_REMOVE),
        (PoissonSampling(Fraction(1, 2), expected_batch_size=2), Relation.REPLACE_ONE),
    ):
        if relation is unpriced:
            with pytest.raises(InvalidParameter, match="not priced"):
                scheme.require(relation)
        else:
            scheme.require(relation)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FullBatch(0),
        lambda: FullBatch(math.inf),
        lambda: ShuffledBatches(units=0, batch_size=1),
        lambda: ShuffledBatches(units=5, batch_size=0),
        lambda: PoissonSampling(Fraction(3, 2), expected_batch_size=1),
        lambda: PoissonSampling(Fraction(1, 2), expected_batch_size=0),
        lambda: next(ShuffledBatches(units=5, batch_size=2).batches(key(1), count=6)),
        lambda: next(shuffled_orders(key(1), count=-1, again=True)),
    ],
)
def test_nonsense_is_refused(make) -> None:
    with pytest.raises(InvalidParameter):
        make()


def test_shuffled_loops_are_priced_by_the_epoch() -> None:
    engine, model, optimizer, loader = private(poisson_sampling=False, epochs=3, sigma=3.0)
    rows = [len(x) for x, _ in loader]
    assert rows == [40] * 10
    for _ in range(2):
        epoch(model, optimizer, loader)
    # The batches that were only looked at count as steps: a unit of theirs has taken part three times.
    assert engine.steps == 30
    expected = price(Repeated(Gaussian(3), 3), relation=Relation.ZERO_OUT, delta=1e-5).point
    assert engine.get_epsilon(1e-5) == float(expected.epsilon)


def test_leaving_epochs_early_does_not_let_a_unit_take_part_more_often_than_is_paid_for() -> None:
    """Ten epochs of ten batches, of each of which only the first is used: a hundred steps are gone, not ten."""
    dataset = TensorDataset(*data().tensors, torch.arange(400))
    engine, model, optimizer, loader = private(dataset=dataset, poisson_sampling=False, epochs=10, sigma=3.0)
    seen: Counter[int] = Counter()
    with pytest.raises(PermitError, match="all 100 steps"):
        for _ in range(1000):
            for number, (x, y, rows) in enumerate(loader):
                if number not in (0, 7):
                    continue
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
                seen.update(rows.tolist())
                most = math.ceil(engine.steps / 10)
                assert max(seen.values()) <= most


def test_full_batches_under_every_relation() -> None:
    for relation, factor in ((Relation.ZERO_OUT, 1), (Relation.REPLACE_ONE, 2)):
        module = torch.nn.Linear(8, 3000)
        engine, _model, optimizer, loader = private(
            module=module, sampling=FullBatch(400), relation=relation, lr=0.0, sigma=2.0, clip=0.3
        )
        # A step without a batch is noise alone.
        optimizer.zero_grad()
        optimizer.step()
        drawn = torch.cat([p.grad.flatten() for p in module.parameters()]) * 400
        assert float(drawn.std()) == pytest.approx(2.0 * 0.3 * factor, rel=0.03)
        expected = price(Repeated(Gaussian(2), 1), relation=relation, delta=1e-5).point
        assert engine.get_epsilon(1e-5) == float(expected.epsilon)
        assert [len(x) for x, _ in loader] == [400]


def test_the_divisor_of_a_shuffled_step_is_public() -> None:
    _, model, optimizer, loader = private(poisson_sampling=False, epochs=1, sigma=1e-4, clip=0.1, lr=1.0, batch_size=70)
    assert optimizer.expected_batch_size == pytest.approx(400 / 6)
    for x, y in loader:
        before = copy.deepcopy(model.wrapped.state_dict())
        wanted, _ = reference.clipped_sum(copy.deepcopy(model.wrapped), x, y, clip_norm=0.1)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for name, tensor in model.wrapped.state_dict().items():
            torch.testing.assert_close(before[name] - tensor, wanted[name] / (400 / 6), rtol=1e-3, atol=2e-5)
