"""Normals from words: the law, its tails, its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from privet.core.errors import InvalidParameter
from privet.noise.gaussian import double_normals, fill_single, single_uniforms
from privet.noise.keystream import expansion
from privet.noise.simulation import generator


def single(size: int, *, stddev: float = 1.0, seed: int = 1) -> np.ndarray:
    out = np.empty(size, np.float32)
    fill_single(out, stddev=stddev, fill=expansion(generator(seed).bytes(32)))
    return out


def double(size: int, *, stddev: float = 1.0, seed: int = 1) -> np.ndarray:
    return double_normals(stddev=stddev, size=size, read=generator(seed).bytes)


@pytest.mark.statistical
@pytest.mark.parametrize("make", [single, double])
def test_normals_follow_the_law_and_reject_ten_percent_off(make) -> None:
    drawn = make(200_000, stddev=3.0)
    assert stats.kstest(drawn / 3.0, "norm").pvalue > 1e-4
    assert stats.kstest(drawn / 2.7, "norm").pvalue < 1e-9
    assert stats.kstest(drawn / 3.3, "norm").pvalue < 1e-9


@pytest.mark.statistical
@pytest.mark.parametrize("make", [single, double])
def test_tails_have_the_right_weight(make) -> None:
    """Beyond 4 deviations: 126.7 of 2 million expected."""
    beyond = int((np.abs(make(2_000_000)) > 4).sum())
    assert abs(beyond - 126.7) < 5 * math.sqrt(126.7)


@pytest.mark.statistical
@pytest.mark.parametrize("make", [single, double])
def test_the_two_normals_of_a_pair_and_neighbouring_ones_are_independent(make) -> None:
    drawn = make(1 << 15)
    first, second = drawn[: 1 << 14], drawn[1 << 14 :]
    for a, b in ((first, second), (first**2, second**2), (drawn[:-1], drawn[1:])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(len(a))


def test_no_word_gives_an_infinity_and_the_tail_ends_where_stated() -> None:
    zeros = np.zeros(4, np.uint32)
    out = np.empty(4, np.float32)
    single_uniforms(
        zeros, fill=lambda buffer: memoryview(buffer).cast("B").__setitem__(slice(None), bytes(32)), out=out
    )
    assert (out > 0).all()
    assert 11.4 < math.sqrt(-2 * math.log(float(out[0]))) < 11.6
    edge = double_normals(stddev=1.0, size=2, read=bytes)
    assert np.isfinite(edge).all()
    assert 9.4 < np.abs(edge).max() < 9.6
    ones = double_normals(stddev=1.0, size=2, read=lambda count: b"\xff" * count)
    assert np.isfinite(ones).all()


def test_small_words_are_refined_and_others_are_kept() -> None:
    words = np.array([0, 5, 65_535, 65_536, 2**32 - 1], np.uint32)
    half = np.full(3, 1 << 63, np.uint64)
    out = np.empty(5, np.float32)

    def fill(buffer: np.ndarray) -> None:
        assert buffer.nbytes == 24, "eight bytes for each small word and none for the others"
        buffer[:] = half

    single_uniforms(words, fill=fill, out=out)
    assert np.allclose(out * 2.0**32, [0.5, 5.5, 65_535.5, 65_536, 2**32], rtol=1e-7)


@pytest.mark.parametrize("size", [0, 1, 2, 3, (1 << 15) - 1, 1 << 15, (1 << 15) + 1, 100_001])
def test_every_element_is_written_once(size: int) -> None:
    for drawn in (single(size), double(size)):
        assert drawn.size == size
        assert np.isfinite(drawn).all()
        assert len(np.unique(drawn)) >= 0.98 * size
        if size > 1000:
            assert abs(drawn.std() - 1) < 0.05


@pytest.mark.parametrize("stddev", [0, -1, math.inf, math.nan])
def test_a_useless_stddev_is_refused(stddev: float) -> None:
    with pytest.raises(InvalidParameter, match="stddev"):
        double(1, stddev=stddev)
