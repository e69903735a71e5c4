"""The stated loss is the true loss: likelihood ratios computed from the laws, and integers that cannot wrap."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.core.errors import InvalidParameter
from privet.core.events import DiscreteLaplace
from privet.core.neighbours import PrivacyUnit, Relation
from privet.mechanisms import discrete_gaussian, discrete_laplace, gaussian, randomized_response
from privet.mechanisms._terms import LARGEST_ANSWER
from privet.noise.exponential import exp_bounds
from privet.noise.simulation import SeededNoise


def mass(mechanism, points: np.ndarray) -> np.ndarray:
    cdf = mechanism.law().cdf
    return cdf(points) - cdf(points - 1)


def test_the_laplace_ratio_is_epsilon_at_the_stated_sensitivity_and_not_less() -> None:
    mechanism = discrete_laplace.example()
    event = mechanism.event
    assert isinstance(event, DiscreteLaplace)
    epsilon = event.sensitivity / float(event.scale)
    points = np.arange(-20.0, 20.0)
    worst = np.abs(np.log(mass(mechanism, points) / mass(mechanism, points - event.sensitivity))).max()
    assert worst == pytest.approx(epsilon, rel=1e-9)


def test_the_gaussian_divergence_is_that_of_zcdp() -> None:
    """Renyi divergence of order 3 between shifted discrete Gaussians is at most 3 rho, and near it."""
    mechanism = dataclasses.replace(discrete_gaussian.example(), squared_sensitivity=Fraction(4))
    rho = float(mechanism.event.squared_sensitivity / (2 * mechanism.event.variance))
    points = np.arange(-25.0, 26.0)
    p, q = mass(mechanism, points), mass(mechanism, points - 2)
    divergence = math.log((p**3 / q**2).sum()) / 2
    assert divergence <= 3 * rho * (1 + 1e-9)
    assert divergence == pytest.approx(3 * rho, rel=1e-3)


def test_the_floating_gaussian_has_the_stated_deviation() -> None:
    mechanism = gaussian.example()
    assert mechanism.noise_stddev == pytest.approx(float(mechanism.event.noise_multiplier) * mechanism.sensitivity)


@settings(max_examples=200, deadline=None)
@given(st.fractions(min_value=Fraction(1, 1000), max_value=60), st.integers(2, 5000), st.integers(1, 4))
def test_randomised_response_never_exceeds_its_epsilon(epsilon: Fraction, categories: int, rows: int) -> None:
    unit = PrivacyUnit("person", column="id", max_rows=rows)
    mechanism = dataclasses.replace(randomized_response.example(), epsilon=epsilon, categories=categories, unit=unit)
    keep, other = mechanism.cells()
    assert keep + other * (categories - 1) == 2**64
    assert keep >= other >= 1
    # keep / other <= exp(epsilon / rows), by integers.
    low, _ = exp_bounds(epsilon / rows, bits=200)
    assert keep * low <= other << 200


def test_randomised_response_wastes_almost_nothing() -> None:
    keep, other = randomized_response.example().cells()
    assert math.log(keep / other) == pytest.approx(1.0, abs=1e-12)


def test_randomised_response_reports_every_lie_alike_whatever_the_truth() -> None:
    mechanism = randomized_response.example()
    for truth in range(4):
        told = np.bincount(mechanism.apply(np.full(80_000, truth), SeededNoise(truth)), minlength=4)
        lies = np.delete(told, truth)
        assert told[truth] / 80_000 == pytest.approx(math.e / (math.e + 3), abs=0.01)
        assert np.abs(lies / 80_000 - 1 / (math.e + 3)).max() < 0.006


def test_randomised_response_refuses_a_private_number_of_rows_and_moves_odd_codes() -> None:
    with pytest.raises(InvalidParameter, match="how many rows"):
        dataclasses.replace(randomized_response.example(), relation=Relation.ADD_OR_REMOVE)
    told = randomized_response.example().apply(np.array([-5, 99] * 50), SeededNoise(1))
    assert set(told.tolist()) <= {0, 1, 2, 3}
    for categories in (1, True, 2**20):
        with pytest.raises(InvalidParameter, match="categories"):
            dataclasses.replace(randomized_response.example(), categories=categories)


@pytest.mark.parametrize("module", [discrete_laplace, discrete_gaussian])
def test_answers_of_any_size_are_moved_into_range_and_never_wrap(module) -> None:
    mechanism = module.example()
    for answer in (2**70, -(2**70), 2**62, np.uint64(2**64 - 1), np.int64(-(2**63))):
        released = mechanism.apply(answer, SeededNoise(1))
        assert isinstance(released, int)
        assert abs(abs(released) - LARGEST_ANSWER) < 1000
        assert (released > 0) == (int(answer) > 0)


@pytest.mark.parametrize("module", [discrete_laplace, discrete_gaussian, randomized_response])
def test_a_query_without_integers_is_refused_and_its_answer_is_not_shown(module) -> None:
    with pytest.raises(InvalidParameter, match="no integers") as caught:
        module.example().apply(np.array([0.123456]), SeededNoise(1))
    assert "0.123" not in str(caught.value)
