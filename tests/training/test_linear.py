"""Clipped gradient sums: equal to the slow version, and never moved further than stated by one unit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from privet.noise.simulation import generator
from privet.training.linear import LabelledRows, _factors, clipped_gradient_sum, probabilities

from . import reference

NASTY = [0.0, 1.0, -1.0, 1e-300, 1e150, -1e308, 1e308, float("inf"), float("-inf"), float("nan")]


def rows_of(seed: int, *, count: int, dimension: int, units: int | None) -> LabelledRows:
    chance = generator(seed)
    features = chance.normal(size=(count, dimension)) * chance.choice([0.1, 1, 5], size=(count, 1))
    numbers = None if units is None else chance.integers(0, units, count)
    return LabelledRows(features, chance.integers(0, 2, count), numbers)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(0, 40),
    dimension=st.integers(1, 6),
    units=st.one_of(st.none(), st.integers(1, 8)),
    clip=st.floats(0.01, 10),
)
def test_it_is_the_sum_of_clipped_gradients(
    seed: int, count: int, dimension: int, units: int | None, clip: float
) -> None:
    rows = rows_of(seed, count=count, dimension=dimension, units=units)
    weights = generator(seed + 1).normal(size=dimension)
    slow = reference.clipped_gradient_sum(weights, rows=rows, clip_norm=clip)
    np.testing.assert_allclose(
        clipped_gradient_sum(weights, rows=rows, clip_norm=clip), slow, rtol=1e-9, atol=1e-9 * clip * (count + 1)
    )


cell = st.one_of(st.floats(-50, 50), st.sampled_from(NASTY))


@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    own=st.lists(st.tuples(cell, cell, cell, st.integers(0, 1)), min_size=0, max_size=4),
    clip=st.sampled_from([0.1, 1.0, 3.0]),
    grouped=st.booleans(),
)
def test_no_unit_moves_the_sum_further_than_the_clip(
    seed: int, own: list[tuple[float, float, float, int]], clip: float, grouped: bool
) -> None:
    """One unit with any rows at all, NaN, infinite and huge ones included, is added to some others."""
    if not grouped:
        own = own[:1]
    others = rows_of(seed, count=12, dimension=3, units=4 if grouped else None)
    features = np.asarray([row[:3] for row in own], dtype=np.float64).reshape(-1, 3)
    labels = np.asarray([row[3] for row in own], dtype=np.int64)
    both = LabelledRows(
        np.concatenate([others.features, features]),
        np.concatenate([others.labels, labels]),
        None if others.units is None else np.concatenate([others.units, np.full(len(own), 99)]),
    )
    weights = generator(seed).normal(size=3) * 3
    without = clipped_gradient_sum(weights, rows=others, clip_norm=clip)
    moved = clipped_gradient_sum(weights, rows=both, clip_norm=clip) - without
    assert np.isfinite(moved).all()
    assert np.linalg.norm(moved) <= clip * (1 + 1e-9)


def test_the_bound_is_reached_so_the_search_would_find_more() -> None:
    one = LabelledRows(np.array([[30.0, 40.0]]), np.array([1]))
    assert np.linalg.norm(clipped_gradient_sum(np.zeros(2), rows=one, clip_norm=2.0)) == pytest.approx(2.0)


def test_a_row_that_is_not_finite_harms_nobody_else() -> None:
    good = rows_of(3, count=5, dimension=2, units=None)
    bad = LabelledRows(np.vstack([good.features, [[np.nan, 1.0]]]), np.append(good.labels, 1))
    weights = np.ones(2)
    np.testing.assert_array_equal(
        clipped_gradient_sum(weights, rows=bad, clip_norm=1), clipped_gradient_sum(weights, rows=good, clip_norm=1)
    )


def test_probabilities_do_not_overflow() -> None:
    found = probabilities(np.ones(1), features=np.array([[1e6], [-1e6], [0.0]]))
    assert found.tolist() == [1.0, 0.0, 0.5]


def test_a_margin_that_overflows_both_ways_harms_nobody_else() -> None:
    """Finite features so large that the margin is infinity minus infinity, in whatever order it is added up."""
    good = rows_of(4, count=5, dimension=64, units=None)
    huge = np.repeat([1e308, -1e308], 32)[None, :]
    both = LabelledRows(np.vstack([good.features, huge]), np.append(good.labels, 1))
    weights = np.full(64, 10.0)
    with np.errstate(all="ignore"):
        assert np.isnan(probabilities(weights, features=both.features)[-1])
    np.testing.assert_array_equal(
        clipped_gradient_sum(weights, rows=both, clip_norm=1), clipped_gradient_sum(weights, rows=good, clip_norm=1)
    )


@example([1.0415789473684212e308], 1e-6)
@given(st.lists(st.floats().map(abs), min_size=1, max_size=20), st.floats(1e-6, 1e6))
def test_factors_never_lengthen(norms: list[float], clip: float) -> None:
    """Also where a factor is a number too small to be rounded well."""
    factors = _factors(np.array(norms), clip)
    assert ((factors >= 0) & (factors <= 1)).all()
    for norm, factor in zip(norms, factors, strict=True):
        bound = Fraction(float(factor)) * Fraction(norm) if np.isfinite(norm) else Fraction(float(factor))
        assert bound <= (Fraction(clip) if np.isfinite(norm) else 0)
