"""Sensitivities against a search over patterns, streams against dense matrices, errors against the optimum."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from privet.core.errors import InvalidParameter  # noqa: E402
from privet.training.correlated import (  # noqa: E402
    BandedToeplitz,
    BufferedToeplitz,
    TreeAggregation,
    optimise_banded,
    optimise_buffered,
    toeplitz,
)
from privet.training.correlated.strategy import Participation, identity_error  # noqa: E402


def toeplitz_matrix(coefficients, steps: int, *, normalised: bool) -> np.ndarray:
    made = sum(np.diag(np.full(steps - k, c), -k) for k, c in enumerate(coefficients[:steps]))
    return made / np.linalg.norm(made, axis=0) if normalised else made


def dense(strategy) -> np.ndarray:
    """The matrix C of a strategy; for the tree, one row for each dyadic block that a prefix sum uses."""
    if isinstance(strategy, TreeAggregation):
        rows = []
        for step in range(1, strategy.steps + 1):
            block = step & -step
            rows.append([1.0 if step - block <= at < step else 0.0 for at in range(strategy.steps)])
        return np.array(rows)
    coefficients = strategy.coefficients if isinstance(strategy, BandedToeplitz) else strategy.series
    return toeplitz_matrix(np.array(coefficients), strategy.steps, normalised=strategy.normalised)


def patterns(steps: int, participation: Participation):
    for count in range(1, participation.most + 1):
        for places in itertools.combinations(range(steps), count):
            if all(b - a >= participation.apart for a, b in itertools.pairwise(places)):
                yield list(places)


def worst(matrix: np.ndarray, participation: Participation) -> float:
    """Over all patterns and signs: for scalar contributions, the true sensitivity."""
    found = 0.0
    for places in patterns(matrix.shape[1], participation):
        for signs in itertools.product((1, -1), repeat=len(places)):
            found = max(found, float(np.linalg.norm(matrix[:, places] @ np.array(signs))))
    return found


STRATEGIES = [
    BandedToeplitz(9, (1.0, 0.5, 0.3)),
    BandedToeplitz(9, (1.0, 0.5, 0.3), normalised=True),
    BandedToeplitz(9, (1.0,)),
    BandedToeplitz(8, tuple(toeplitz.square_root(8))),
    BandedToeplitz(8, tuple(toeplitz.square_root(8)), normalised=True),
    BufferedToeplitz(9, (0.3, 0.2), (0.9, 0.4)),
    BufferedToeplitz(9, (0.3, 0.2), (0.9, 0.4), normalised=True),
    TreeAggregation(8),
    TreeAggregation(9),
    TreeAggregation(1),
]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
@pytest.mark.parametrize(("most", "apart"), [(1, 1), (2, 1), (2, 3), (3, 2), (3, 3), (2, 4), (4, 1)])
def test_no_pattern_moves_more_than_the_sensitivity(strategy, most: int, apart: int) -> None:
    participation = Participation(most, apart)
    true, stated = worst(dense(strategy), participation), strategy.sensitivity(participation)
    assert true <= stated * (1 + 1e-9)
    exact = most == 1 or (isinstance(strategy, BandedToeplitz | BufferedToeplitz) and not strategy.normalised)
    if exact and not (isinstance(strategy, TreeAggregation) and strategy.steps == 1):
        assert stated == pytest.approx(true)
    elif not isinstance(strategy, TreeAggregation):
        assert stated <= 1.15 * true


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), most=st.integers(1, 4), apart=st.integers(1, 4), normalised=st.booleans())
def test_vectors_move_no_more_than_numbers(seed: int, most: int, apart: int, normalised: bool) -> None:
    """Contributions of norm 1 in any directions, by steps of steepest ascent from a random start."""
    chance = np.random.default_rng(seed)
    series = np.concatenate([[1.0], np.sort(chance.uniform(0, 1, 6))[::-1]])
    strategy = BandedToeplitz(9, tuple(series), normalised)
    matrix, participation = dense(strategy), Participation(most, apart)
    places = list(patterns(9, participation))[chance.integers(0, len(list(patterns(9, participation))))]
    gram, given = (matrix.T @ matrix)[np.ix_(places, places)], chance.normal(size=(len(places), 3))
    for _ in range(50):
        given /= np.linalg.norm(given, axis=1, keepdims=True)
        given = gram @ given
    given /= np.linalg.norm(given, axis=1, keepdims=True)
    assert np.linalg.norm(matrix[:, places] @ given) <= strategy.sensitivity(participation) * (1 + 1e-9)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_the_stream_is_the_inverse_times_fresh_noise(strategy) -> None:
    chance = np.random.default_rng(5)
    fresh = chance.normal(size=(strategy.steps, 4)).astype(np.float32)
    noise = strategy.start(4, device="cpu")
    got = np.stack([noise.next(torch.from_numpy(row.copy())).numpy().copy() for row in fresh])
    if isinstance(strategy, TreeAggregation):
        # A prefix sum has the noise of the blocks of its binary digits.
        for step in range(1, strategy.steps + 1):
            wanted, left = np.zeros(4), step
            while left:
                wanted = wanted + fresh[left - 1]
                left -= left & -left
            np.testing.assert_allclose(got[:step].sum(0), wanted, atol=1e-5)
        return
    np.testing.assert_allclose(got, np.linalg.solve(dense(strategy), fresh), atol=2e-5)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_stated_errors_are_those_of_the_matrix(strategy) -> None:
    participation = Participation(1, 1)
    if isinstance(strategy, TreeAggregation):
        counts = [bin(step).count("1") for step in range(1, strategy.steps + 1)]
        variances = np.array(counts, dtype=float)
    else:
        sums = np.tril(np.ones((strategy.steps, strategy.steps))) @ np.linalg.inv(dense(strategy))
        variances = (sums**2).sum(1)
    scale = strategy.sensitivity(participation)
    assert strategy.root_mean_square_error(participation) == pytest.approx(scale * math.sqrt(variances.mean()))
    assert strategy.greatest_error(participation) == pytest.approx(scale * math.sqrt(variances.max()))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_a_stream_goes_on_from_its_state(strategy) -> None:
    fresh = torch.from_numpy(np.random.default_rng(7).normal(size=(strategy.steps, 3)).astype(np.float32))
    whole = strategy.start(3, device="cpu")
    wanted = [whole.next(row.clone()).clone() for row in fresh]
    first, second = strategy.start(3, device="cpu"), strategy.start(3, device="cpu")
    half = strategy.steps // 2
    for row in fresh[:half]:
        first.next(row.clone())
    second.load_state_dict(first.state_dict())
    for row, expected in zip(fresh[half:], wanted[half:], strict=True):
        assert torch.equal(second.next(row.clone()), expected)


def optimum(steps: int) -> tuple[float, float]:
    """Least root mean square error of any matrix: what a matrix reaches, and a bound that none can pass.

    Denisov et al. 2022, fixed point of Theorem 3.2; the bound is its dual.
    """
    prefix = np.tril(np.ones((steps, steps)))
    inner, dual = prefix.T @ prefix, np.ones(steps)
    for _ in range(300):
        root = np.sqrt(dual)
        values, vectors = np.linalg.eigh(root[:, None] * inner * root[None, :])
        square = (vectors * np.sqrt(values.clip(0))) @ vectors.T
        dual = square.diagonal().copy()
    bound = 2 * np.sqrt(values.clip(0)).sum() - (root**2).sum()
    gram = square / root[:, None] / root[None, :]
    gram /= gram.diagonal().max()
    reached = np.trace(np.linalg.solve(gram, inner))
    return math.sqrt(reached / steps), math.sqrt(bound / steps)


@pytest.mark.parametrize("steps", [32, 200])
def test_buffers_come_within_two_percent_of_the_best_of_all_matrices(steps: int) -> None:
    reached, bound = optimum(steps)
    assert reached == pytest.approx(bound, rel=1e-3)
    once = Participation(1, 1)
    found = optimise_buffered(steps, buffers=4, participation=once).root_mean_square_error(once)
    assert bound * (1 - 1e-9) <= found <= 1.02 * reached
    assert found < TreeAggregation(steps).root_mean_square_error(once) < 2 * identity_error(steps, once)


def test_published_values() -> None:
    """Fichtenberger, Henzinger & Upadhyay 2023: the square root's greatest error is at most 1 + (1 + ln n) / pi ..."""
    for steps in (16, 256, 2048):
        series = toeplitz.square_root(steps)
        error = BandedToeplitz(steps, tuple(series)).greatest_error(Participation(1, 1))
        assert error == pytest.approx((series**2).sum())
        # Mathias 1993's bound on the optimum from below, theirs on the square root from above.
        assert math.log(2 * steps + 1) / math.pi < error <= 1 + (np.euler_gamma + math.log(steps)) / math.pi + 0.6
    root = toeplitz_matrix(toeplitz.square_root(30), 30, normalised=False)
    np.testing.assert_allclose(root @ root, np.tril(np.ones((30, 30))))


def test_no_small_change_makes_a_strategy_better() -> None:
    several = Participation(4, 25)
    best = optimise_banded(100, bands=10, participation=several, normalised=False)
    error = best.root_mean_square_error(several)
    chance = np.random.default_rng(3)
    for _ in range(40):
        moved = np.array(best.coefficients) * (1 + 0.02 * chance.normal(size=10))
        moved = tuple(np.minimum.accumulate(moved / moved[0]).tolist())
        assert BandedToeplitz(100, moved).root_mean_square_error(several) > error * (1 - 1e-4)
    assert optimise_banded(100, bands=1, participation=several).coefficients == (1.0,)


def test_more_bands_and_buffers_never_hurt() -> None:
    several = Participation(3, 40)
    banded = [optimise_banded(120, bands=b, participation=several).root_mean_square_error(several) for b in (2, 8, 32)]
    buffered = [
        optimise_buffered(120, buffers=b, participation=several).root_mean_square_error(several) for b in (1, 3)
    ]
    assert banded == sorted(banded, reverse=True)
    assert buffered == sorted(buffered, reverse=True)
    assert banded[0] < identity_error(120, several)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BandedToeplitz(3, (1.0, 0.5, 0.4, 0.3)),
        lambda: BandedToeplitz(3, ()),
        lambda: BandedToeplitz(3, (1.0, 0.5, 0.6)),
        lambda: BandedToeplitz(3, (1.0, -0.1)),
        lambda: BandedToeplitz(3, (0.9, 0.1)),
        lambda: BufferedToeplitz(3, (0.5,), (0.5, 0.5)),
        lambda: BufferedToeplitz(3, (0.5,), (1.0,)),
        lambda: BufferedToeplitz(3, (1.5,), (0.5,)),
        lambda: BufferedToeplitz(3, (-0.5,), (0.5,)),
        lambda: TreeAggregation(0),
        lambda: Participation(0, 1),
        lambda: Participation(1, 0),
        lambda: optimise_banded(10, bands=11, participation=Participation(1, 1)),
        lambda: optimise_buffered(10, buffers=0, participation=Participation(1, 1)),
    ],
)
def test_nonsense_is_refused(make) -> None:
    with pytest.raises(InvalidParameter):
        make()
