"""Balls in bins and cut Poisson samples: the law of who takes part, and loops that run by it and are priced by it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privet.accounting.price import price
from privet.core.errors import BudgetRefused, InvalidParameter, PermitError
from privet.core.events import Composed, Gaussian, NoRelease, RandomlyAllocated, Repeated, TruncatedPoissonSampled
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import Composition, Ledger
from privet.noise.sampling import _uniform, allocated_batches, truncated_batches
from privet.training.sampling import BallsInBins, PoissonSampling, ShuffledBatches, TruncatedPoissonSampling

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from privet.training.correlated import CorrelatedNoise, TreeAggregation  # noqa: E402
from privet.training.engine import PrivacyEngine  # noqa: E402
from privet.training.fitting import fit  # noqa: E402
from privet.training.schedules import Exponential  # noqa: E402

from ..engine.loops import data, epoch, network, people, private  # noqa: E402

Batches = Iterator[np.ndarray]


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def bins(batches: Batches, *, units: int, steps: int, epochs: int) -> np.ndarray:
    """In which step of each epoch each unit took part; every unit must in exactly one."""
    found = np.full((epochs, units), -1)
    for number, batch in zip(range(epochs * steps), batches, strict=False):
        assert (found[number // steps, batch] == -1).all()
        found[number // steps, batch] = number % steps
    assert (found >= 0).all()
    return found


def p_of_bins(found: np.ndarray, steps: int) -> float:
    return float(stats.chisquare(np.bincount(found.ravel(), minlength=steps)).pvalue)


def p_of_pairs(first: np.ndarray, second: np.ndarray, steps: int) -> float:
    pairs = np.bincount(first.ravel() * steps + second.ravel(), minlength=steps**2)
    return float(stats.chisquare(pairs).pvalue)


def test_a_ball_falls_into_every_bin_alike_and_knows_no_other() -> None:
    steps, epochs, units = 4, 3000, 6
    found = bins(allocated_batches(key(5), count=units, steps=steps), units=units, steps=steps, epochs=epochs)
    assert p_of_bins(found, steps) > 1e-6
    # Units are independent of each other, and of themselves an epoch later.
    assert p_of_pairs(found[:, ::2], found[:, 1::2], steps) > 1e-6
    assert p_of_pairs(found[:-1], found[1:], steps) > 1e-6
    # The same tests see a tenth more in one bin, units that are dealt out together, and epochs that repeat.
    tilted = np.where((found == 1) & (np.arange(units * epochs).reshape(epochs, units) % 10 == 0), 0, found)
    assert p_of_bins(tilted, steps) < 1e-6
    shuffled = ShuffledBatches(units=6, batch_size=2).batches(key(5), count=6)
    dealt = bins(shuffled, units=6, steps=3, epochs=epochs)
    assert p_of_bins(dealt, 3) > 1e-6 > p_of_pairs(dealt[:, ::2], dealt[:, 1::2], 3)
    same = bins(
        ShuffledBatches(units=6, batch_size=2, same_order=True).batches(key(5), count=6), units=6, steps=3, epochs=50
    )
    assert p_of_pairs(same[:-1], same[1:], 3) < 1e-6


def test_the_number_of_a_bin_has_no_remainder_of_its_word() -> None:
    """Words in the last, incomplete run of bins are drawn again: without that the first bins would get more."""
    given = iter([[2**64 - 1, 2**64 - 2, 5, 2**63], [2**64 - 1, 7], [8]])

    def fill(buffer: np.ndarray) -> None:
        buffer[:] = np.array(next(given), np.uint64)

    below = 2**62 + 1
    assert _uniform(fill, 4, below).tolist() == [8, 7, 5, 2**63 % below]
    given = iter([[2**64 - 1, 0]])
    assert _uniform(fill, 2, 2**10).tolist() == [1023, 0]


def sizes(batches: Batches, count: int) -> np.ndarray:
    return np.array([len(batch) for batch, _ in zip(batches, range(count), strict=False)])


def p_of_sizes(found: np.ndarray, *, units: int, rate: float, most: int) -> float:
    """Of min(B, most), B binomial; rare sizes are counted together."""
    chance = stats.binom.pmf(np.arange(most + 1), units, rate)
    chance[most] = stats.binom.sf(most - 1, units, rate)
    seen, expected = np.bincount(found, minlength=most + 1), chance * len(found)
    rare = expected < 10
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum() + 1e-9)
    return float(stats.chi2.sf(((seen - expected) ** 2 / expected).sum(), len(seen) - 1))


def test_sizes_of_cut_batches_follow_their_law() -> None:
    units, rate, most = 40, Fraction(1, 4), 13
    found = sizes(truncated_batches(key(2), count=units, rate=rate, most=most), 20_000)
    assert found.max() == most
    assert p_of_sizes(found, units=units, rate=0.25, most=most) > 1e-6
    for wrong in (0.225, 0.275):
        assert p_of_sizes(found, units=units, rate=wrong, most=most) < 1e-6
    mean = TruncatedPoissonSampling(rate=rate, units=units, max_batch_size=most).expected_batch_size
    assert found.mean() == pytest.approx(mean, abs=6 * found.std() / math.sqrt(len(found)))
    assert abs(found.mean() - 10) > 6 * found.std() / math.sqrt(len(found))


def test_what_is_kept_is_a_uniform_subset() -> None:
    counts = Counter(tuple(next(truncated_batches(key(n), count=5, rate=Fraction(1), most=2))) for n in range(12_000))
    subsets = list(itertools.combinations(range(5), 2))
    assert set(counts) == set(subsets)
    assert stats.chisquare([counts[subset] for subset in subsets]).pvalue > 1e-6
    tilted = [counts[subset] * (1.1 if 0 in subset else 1 - 0.1 * 4 / 6) for subset in subsets]
    assert stats.chisquare(tilted, f_exp=[sum(tilted) / 10] * 10).pvalue < 1e-6
    # And of a sample, whatever it was: every pair of units is kept as often as any other, batch after batch.
    batches = truncated_batches(key(9), count=6, rate=Fraction(7, 10), most=2)
    later = Counter(tuple(batch) for batch, _ in zip(batches, range(12_000), strict=False) if len(batch) == 2)
    assert stats.chisquare([later[pair] for pair in itertools.combinations(range(6), 2)]).pvalue > 1e-6


def test_places_without_a_unit_are_drawn_like_any_other() -> None:
    """With 30 units on 40 places each takes part as often as with 40, and the largest batch is hardly ever reached."""
    scheme = TruncatedPoissonSampling(rate=Fraction(1, 4), units=40, max_batch_size=13)
    share = scheme.expected_batch_size / 40
    for count in (30, 40):
        batches = [batch for batch, _ in zip(scheme.batches(key(3), count=count), range(20_000), strict=False)]
        assert all((batch < count).all() for batch in batches)
        taken = np.bincount(np.concatenate(batches), minlength=count)
        error = math.sqrt(20_000 * share * (1 - share))
        assert (np.abs(taken - 20_000 * share) < 6 * error).all()
        assert (np.abs(taken - 20_000 * share * 1.1) > 6 * error).all()
    with pytest.raises(InvalidParameter, match="public bound of 40"):
        next(scheme.batches(key(3), count=41))


def test_prices_are_those_of_what_runs() -> None:
    step = Gaussian(2)
    thrown = BallsInBins(steps_per_epoch=10, expected_batch_size=4)
    assert thrown.event(step, steps=0) == NoRelease()
    # An epoch that is begun is paid for whole.
    assert thrown.event(step, steps=1) == thrown.event(step, steps=10) == Repeated(RandomlyAllocated(10, step), 1)
    assert thrown.event(step, steps=21) == Repeated(RandomlyAllocated(10, step), 3)
    assert thrown.participation(21) == (3, 1)
    cut = TruncatedPoissonSampling(rate=Fraction(1, 10), units=100, max_batch_size=20)
    assert cut.event(step, steps=4) == Repeated(TruncatedPoissonSampled(Fraction(1, 10), 100, 20, step), 4)
    assert cut.event(step, steps=0) == NoRelease()
    assert (cut.participation(5), cut.steps_per_epoch) == (None, 10)


@pytest.mark.parametrize("relation", list(Relation))
def test_relations_with_and_without_a_price(relation: Relation) -> None:
    for scheme in (
        BallsInBins(steps_per_epoch=10, expected_batch_size=4),
        TruncatedPoissonSampling(rate=Fraction(1, 10), units=100, max_batch_size=20),
    ):
        if relation is Relation.REPLACE_ONE:
            with pytest.raises(InvalidParameter, match="not priced under replace-one"):
                scheme.require(relation)
        else:
            scheme.require(relation)
            price(scheme.event(Gaussian(2), steps=10), relation=relation, delta=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BallsInBins(steps_per_epoch=0, expected_batch_size=4),
        lambda: BallsInBins(steps_per_epoch=4, expected_batch_size=0),
        lambda: BallsInBins(steps_per_epoch=4, expected_batch_size=math.inf),
        lambda: TruncatedPoissonSampling(rate=Fraction(0), units=5, max_batch_size=2),
        lambda: TruncatedPoissonSampling(rate=Fraction(1, 2), units=0, max_batch_size=2),
        lambda: TruncatedPoissonSampling(rate=Fraction(1, 2), units=5, max_batch_size=0),
        lambda: next(allocated_batches(key(1), count=-1, steps=2)),
        lambda: next(allocated_batches(key(1), count=1, steps=0)),
        lambda: next(truncated_batches(key(1), count=1, rate=Fraction(1, 2), most=0)),
    ],
)
def test_nonsense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidParameter):
        make()


THROWN = BallsInBins(steps_per_epoch=10, expected_batch_size=40)
CUT = TruncatedPoissonSampling(rate=Fraction(1, 10), units=400, max_batch_size=45)


def epsilon_of(event) -> float:
    return float(price(event, relation=Relation.ZERO_OUT, delta=1e-5).point.epsilon)


def numbered() -> TensorDataset:
    return TensorDataset(*data().tensors, torch.arange(400))


def test_loops_of_thrown_units_are_priced_by_the_epoch() -> None:
    engine, model, optimizer, loader = private(dataset=numbered(), sampling=THROWN, epochs=3, sigma=1.5)
    assert len(loader) == 10
    for number in range(3):
        seen: list[int] = []
        for x, y, rows in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            seen += rows.tolist()
            begun = Repeated(RandomlyAllocated(10, Gaussian(1.5)), number + 1)
            assert engine.get_epsilon(1e-5) == epsilon_of(begun)
        assert sorted(seen) == list(range(400))
    with pytest.raises(PermitError, match="all 30 steps"):
        optimizer.step()


def test_loops_of_cut_samples_never_see_more_and_are_priced_by_the_step() -> None:
    engine, model, optimizer, loader = private(sampling=CUT, sigma=1.5)
    rows = [len(x) for _ in range(4) for x, _ in loader]
    assert max(rows) == 45
    epoch(model, optimizer, loader)
    event = Repeated(TruncatedPoissonSampled(Fraction(1, 10), 400, 45, Gaussian(1.5)), 10)
    assert engine.get_epsilon(1e-5) == epsilon_of(event)
    assert optimizer.expected_batch_size == CUT.expected_batch_size < 40
    poisson = PoissonSampling(Fraction(1, 10), expected_batch_size=40)
    assert engine.get_epsilon(1e-5) > epsilon_of(poisson.event(Gaussian(1.5), steps=10))


@pytest.mark.parametrize("sampling", [THROWN, CUT])
@pytest.mark.parametrize("relation", [Relation.ZERO_OUT, Relation.ADD_OR_REMOVE])
def test_the_least_noise_for_a_target(sampling, relation: Relation) -> None:
    module, engine = network(), PrivacyEngine()
    settings = {"expected_units": 400} if relation is Relation.ADD_OR_REMOVE else {}
    model, optimizer, loader = engine.make_private_with_epsilon(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(data(), batch_size=40),
        target_epsilon=1.0,
        target_delta=1e-5,
        epochs=2,
        max_grad_norm=1.0,
        sampling=sampling,
        **settings,
    )
    for _ in range(2):
        epoch(model, optimizer, loader)
    assert 0.99 < engine.get_epsilon(1e-5) <= 1.0
    assert engine.release(model).receipt.epsilon <= 1.0


@pytest.mark.parametrize("sampling", [THROWN, CUT])
@pytest.mark.parametrize("composition", list(Composition))
def test_accounts_of_both_kinds_admit_and_settle(sampling, composition: Composition) -> None:
    account = people(epsilon=6, composition=composition, delta="1e-5")
    engine, model, optimizer, _ = private(sampling=sampling, epochs=3, sigma=2.0, account=account)
    for _ in range(11):
        optimizer.step()
    spent = account.spent()
    engine.release(model)
    assert 0 < account.spent().epsilon_left < 6
    if composition is not Composition.BASIC:
        # Eleven of thirty steps ran: of an epoch that was begun nothing comes back.
        assert account.spent().epsilon_left > spent.epsilon_left
        twice = private(sampling=sampling, epochs=2, sigma=3.0, account=account)
        twice[0].release(twice[1])
    small = people(epsilon="0.1", composition=composition)
    with pytest.raises(BudgetRefused):
        private(sampling=sampling, epochs=3, sigma=2.0, account=small)


def test_a_claim_goes_on_in_the_epoch_that_was_begun(tmp_path) -> None:
    """Whoever was thrown into a step that has run is in no later one of the epoch, however the loop was interrupted."""
    url, path = f"sqlite:///{tmp_path}/book.db", tmp_path / "loop.pt"
    seen: list[int] = []

    def steps(count: int, model, optimizer, loader) -> None:
        for left, (x, y, rows) in zip(range(count, 0, -1), loader, strict=False):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            seen.extend(rows.tolist())
            if left == 1:
                return

    given = {"dataset": numbered(), "sampling": THROWN, "epochs": 2, "sigma": 3.0}
    with Ledger.open(url) as ledger:
        unit = PrivacyUnit("patient")
        account = ledger.create_account("people", unit=unit, relation=Relation.ZERO_OUT, epsilon=3, delta="1e-5")
        engine, *loop = private(**given, account=account)
        steps(4, *loop)
        engine.save_checkpoint(path=path, module=loop[0], optimizer=loop[1])
    with Ledger.open(url) as ledger:
        engine, *loop = private(**given, account=ledger.account("people"), resume=path)
        steps(6, *loop)
        assert sorted(seen) == list(range(400))
        assert engine.steps == 10
        assert len(ledger.account("people").history()) == 1


def test_noise_may_change_with_cut_samples_and_not_within_an_epoch_of_thrown_units() -> None:
    schedule = Exponential(2.0, gamma=0.5, every=5)
    engine, model, optimizer, loader = private(sampling=CUT, sigma=schedule, epochs=1)
    epoch(model, optimizer, loader)
    step = TruncatedPoissonSampled
    parts = [Repeated(step(Fraction(1, 10), 400, 45, Gaussian(sigma)), 5) for sigma in (2.0, 1.0)]
    assert engine.get_epsilon(1e-5) == epsilon_of(Composed(parts))
    with pytest.raises(InvalidParameter, match="a noise schedule on BallsInBins has no price"):
        private(sampling=THROWN, sigma=schedule, epochs=1)
    for settings in ({"sampling": THROWN}, {"poisson_sampling": False}):
        engine, model, optimizer, loader = private(sigma=4.0, epochs=2, **settings)
        for _ in range(7):
            optimizer.step()
        with pytest.raises(InvalidParameter, match="7 of the 10 steps of an epoch"):
            optimizer.noise_multiplier = 1.0
        for _ in range(3):
            optimizer.step()
        optimizer.noise_multiplier = 1.0
        optimizer.step()
        plan = engine._steps.plan
        one = [plan.sampling.event(Gaussian(sigma), steps=10) for sigma in (4.0, 1.0)]
        assert engine.get_epsilon(1e-5) == pytest.approx(epsilon_of(Composed(one)), rel=1e-9)


def test_correlated_noise_takes_thrown_units_without_amplification_and_no_cut_samples() -> None:
    noise = CorrelatedNoise(3.0, TreeAggregation(steps=20))
    engine, model, optimizer, loader = private(sampling=THROWN, sigma=noise, epochs=2)
    epoch(model, optimizer, loader)
    assert engine.get_epsilon(1e-5) == epsilon_of(Gaussian(3.0))
    with pytest.raises(InvalidParameter, match="no price on TruncatedPoissonSampling"):
        private(sampling=CUT, sigma=noise, epochs=2)


def test_a_plan_must_be_stated_where_epochs_hang_together() -> None:
    with pytest.raises(InvalidParameter, match="give epochs"):
        private(sampling=THROWN)


@pytest.mark.parametrize("sampling", [THROWN, CUT])
def test_fit_trains_by_them(sampling) -> None:
    module = nn.Linear(8, 2)
    fitted = fit(
        module,
        data(),
        criterion=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(module.parameters(), lr=0.5),
        batch_size=40,
        epochs=2,
        max_grad_norm=1.0,
        epsilon=2.0,
        delta=1e-5,
        sampling=sampling,
    )
    assert [progress.steps for progress in fitted.history] == [10, 20]
    assert fitted.history[-1].epsilon <= 2.0
    assert fitted.release.receipt.epsilon <= 2.0
